"""Whether probabilities of an exported network mean what they say."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from inspector import recipe
from trainer import __main__
from trainer.commands.export import two_sides
from trainer.data.samples import Frames
from trainer.data.split import Part, open_data
from trainer.learn.checkpoint import Card
from trainer.recipe.calibrate import Calibrated, calibrate
from trainer.recipe.held_out import HeldOut, load_network


@pytest.fixture(scope="module")
def measured(run: tuple[Path, Card]) -> Frames:
    """Return the run's validation frames."""
    return open_data(run[1].settings, run[0])[1]


def test_a_network_that_is_too_sure_is_cooled(run: tuple[Path, Card], measured: Frames) -> None:
    """With the head's logits five times too large, the fit takes that back, and the error on other frames falls."""
    honest, _ = load_network(run[0])
    sure = copy.deepcopy(honest)
    with torch.no_grad():
        for parameter in sure.head.parameters():
            parameter.mul_(5)
    first, second = calibrate([HeldOut(honest, measured)]), calibrate([HeldOut(sure, measured)])
    assert first is not None and second is not None
    assert second.temperature == pytest.approx(5 * first.temperature, rel=0.02)
    assert second.error == pytest.approx(first.error, abs=0.01) and second.error <= second.error_before
    frame = torch.from_numpy(measured[0].pixels.copy())[None, None].float()
    with torch.inference_mode():
        assert np.allclose(honest(frame), sure(frame), atol=0.1)


def test_sound_frames_alone_change_nothing(run: tuple[Path, Card], measured: Frames) -> None:
    """Where no frame has a defect there is nothing to fit to."""
    unet, _ = load_network(run[0])
    before = unet.head.weight.clone()
    sound = Part(measured, tuple(i for i in range(len(measured)) if not measured[i].labels.any()))
    assert calibrate([HeldOut(unet, sound)]) is None and torch.equal(unet.head.weight, before)


def test_the_card_says_how_sure_it_may_be(
    run: tuple[Path, Card], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`export --calibrated` writes temperature and both errors, and prints them."""
    command = ["export", str(run[0]), "--out", str(tmp_path / "recipe"), "--precision", "fp32", "--calibrated"]
    assert __main__.main(command) == 0
    scores = recipe.read_card(tmp_path / "recipe").scores
    assert {"validation_temperature", "validation_calibration_error", "validation_sound_logit"} < scores.keys()
    assert "expected calibration error" in capsys.readouterr().out


@pytest.mark.parametrize(("temperature", "threshold"), [(1.5, 0.2), (1.0, 0.5)])
def test_only_a_network_that_was_calibrated_is_unsure(
    run: tuple[Path, Card], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temperature: float, threshold: float
) -> None:
    """Where calibration was given up the usual threshold stays; what is asked for stays in any case."""
    monkeypatch.setattr("trainer.recipe.export.calibrate", lambda parts: Calibrated(temperature, 0.0, 0.1, 0.1))
    words = ["export", str(run[0]), "--out", str(tmp_path / "recipe"), "--precision", "fp32", "--calibrated"]
    assert __main__.main([*words, "--threshold", "crack=0.3"]) == 0
    kinds = recipe.read_card(tmp_path / "recipe").classes
    assert {kind.name: kind.threshold for kind in kinds} == {
        **dict.fromkeys(("pitted", "scratch", "patch"), threshold),
        "crack": 0.3,
    }


def test_export_names_both_sides_of_its_dice() -> None:
    """Why the recipe's figure is not the one that fit reported, and what of it INT8 costs."""
    assert two_sides(0.5, 0.45, "int8", 0.01) == (
        "dice_micro_mean 0.5000 by fit, 0.4500 by the recipe: fit takes each pixel's most probable class of all "
        "validation frames, in floating point; the recipe what reaches its threshold, in int8; "
        "INT8 alone costs 0.01 of dice_micro"
    )
    assert two_sides(0.5, 0.45, "fp32", None).endswith("reaches its threshold, in fp32")
