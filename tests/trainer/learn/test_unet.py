from pathlib import Path

import pytest
import torch
from torchvision import models  # type: ignore[import-untyped]  # it ships no types

from trainer.errors import UserError
from trainer.learn.unet import UNet, load_encoder
from trainer.settings import ENCODERS


@pytest.mark.parametrize("encoder", ENCODERS)
def test_logits_have_the_frames_size(encoder: str) -> None:
    """Every encoder maps (N, 1, H, W) to a logit of sound and of each class for every pixel."""
    unet = UNet(encoder, classes=3).eval()
    with torch.inference_mode():
        assert unet(torch.zeros(2, 1, 64, 96)).shape == (2, 4, 64, 96)


@pytest.mark.parametrize("downscale", [1, 2])
@pytest.mark.parametrize(("height_px", "width_px"), [(250, 100), (64, 100), (33, 32)])
def test_a_frame_of_any_size_is_padded_with_black(height_px: int, width_px: int, downscale: int) -> None:
    """Right and below, and the logits are those of the frame so padded, cut to its size."""
    torch.manual_seed(0)
    unet = UNet("resnet18", downscale=downscale).eval()
    frame = 255 * torch.rand(1, 1, height_px, width_px)
    multiple = 32 * downscale
    padded = torch.zeros(1, 1, -(-height_px // multiple) * multiple, -(-width_px // multiple) * multiple)
    padded[..., :height_px, :width_px] = frame
    with torch.inference_mode():
        assert torch.equal(unet(frame), unet(padded)[..., :height_px, :width_px])


def test_downscaled_frames_are_means_of_squares() -> None:
    """The network sees what it would of a frame of half the size, and its logits are enlarged to the frame's."""
    torch.manual_seed(0)
    unet, half = (UNet("resnet18", downscale=downscale).eval() for downscale in (2, 1))
    half.load_state_dict(unet.state_dict())
    frame = 255 * torch.rand(1, 1, 128, 64)
    squares = frame.reshape(1, 1, 64, 2, 32, 2).mean((3, 5))
    with torch.inference_mode():
        assert unet(frame).shape == (1, 5, 128, 64)
        assert torch.allclose(unet.halved(frame), half(squares), atol=1e-4)


def test_a_grey_frame_is_worth_three_equal_channels(tmp_path: Path) -> None:
    """The folded first convolution gives what a torchvision ResNet gives on grey repeated thrice."""
    torch.manual_seed(0)
    resnet = models.resnet18(weights=None).eval()
    torch.save(resnet.state_dict(), tmp_path / "r18.pt")
    unet = UNet("resnet18", mean=0.0, std=1.0).eval()
    load_encoder(unet, "resnet18", str(tmp_path / "r18.pt"))
    frame = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        expected = resnet.layer1(resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(frame.repeat(1, 3, 1, 1))))))
        assert torch.allclose(unet.stages[0](unet.pool(unet.stem(frame))), expected, atol=1e-5)
        assert torch.equal(unet.state_dict()["stages.3.1.bn2.running_var"], resnet.layer4[1].bn2.running_var)


def test_weights_of_another_encoder_are_refused(tmp_path: Path) -> None:
    """A mix-up of encoders, a pickle and a missing file are named before training starts."""
    torch.save(models.resnet34(weights=None).state_dict(), tmp_path / "r34.pt")
    with pytest.raises(UserError, match="differ from resnet18's"):
        load_encoder(UNet("resnet18"), "resnet18", str(tmp_path / "r34.pt"))
    torch.save({"conv1.weight": Path("x")}, tmp_path / "pickle.pt")
    with pytest.raises(UserError, match="without running code"):
        load_encoder(UNet("resnet18"), "resnet18", str(tmp_path / "pickle.pt"))
    with pytest.raises(UserError, match="no such file"):
        load_encoder(UNet("resnet18"), "resnet18", str(tmp_path / "none.pt"))


def test_an_unknown_encoder_is_refused() -> None:
    """The message lists the known ones."""
    with pytest.raises(UserError, match="expected one of resnet18, resnet34, resnet50, efficientnet-lite0, "):
        UNet("vgg")
