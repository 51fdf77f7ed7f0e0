"""The benches that need no engine still run; what they print is for people."""

import math
from pathlib import Path
from types import ModuleType

import pytest

from tests.bench import analysis, masks, pieces, plain, training
from tests.bench.steel_folder import write_steel
from tests.trainer.painted import write_frames


@pytest.mark.parametrize("bench", [analysis, masks])
def test_it_runs(bench: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """It measures what the code is now: a call that no longer fits, or a wrong count, fails here."""
    bench.main()
    assert any(character.isdigit() for character in capsys.readouterr().out)


def test_torn_defects_are_one_each_however_small_their_pieces() -> None:
    """What is planted is found whole by a recipe that asks for an area, too: by that of the whole, not of a piece."""
    for found in pieces.counted(1).values():
        assert found.large == found.gap == found.planted < found.touching
        assert found.large_mm2 == pytest.approx(found.planted_mm2, rel=1e-3)


def test_our_loop_is_the_trainers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compared with another library's loop takes a step of ours and has a loss."""
    monkeypatch.setattr(training, "HEIGHT", 64)
    monkeypatch.setattr(training, "WIDTH", 64)
    step, _ = training.our_step(write_steel(tmp_path / "steel", 4))
    assert math.isfinite(float(str(step())))


def test_the_plain_baseline_goes_through_our_folds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every frame is assessed once; asked again, the command has it all already."""
    pytest.importorskip("segmentation_models_pytorch", reason="it comes with .[bench]")
    monkeypatch.setattr(plain, "FOLDS", 2)
    monkeypatch.setattr(plain, "BATCH", 2)
    data, out = str(write_frames(tmp_path / "steel", 6)), tmp_path / "out"
    words = [data, "--encoder", "efficientnet-lite0", "--weights", "imagenet", "--crops", "2", "--out", str(out)]
    monkeypatch.setattr("sys.argv", ["plain", *words])
    plain.main()
    report = (out / "report.md").read_text()
    assert report.startswith("6 frames, each assessed once")
    assert capsys.readouterr().out.count("step 1 of 1") == 2
    plain.main()
    assert (out / "report.md").read_text() == report
    assert "step" not in capsys.readouterr().out
