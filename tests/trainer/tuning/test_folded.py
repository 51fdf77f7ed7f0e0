"""A run that learns from all of its frames: networks that never saw a frame measure it and choose its settings."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from inspector import recipe
from tests.trainer.frames import tiny_settings
from tests.trainer.tuning.test_tune import CARD, maps_of, strip_of
from trainer import __main__
from trainer.assessment.coil import ProceduralCoil
from trainer.assessment.labelled_strip import AssessedStrip
from trainer.errors import UserError
from trainer.learn import checkpoint
from trainer.learn.checkpoint import Card
from trainer.learn.folded import fit_folded, of_fold
from trainer.learn.series import is_finished
from trainer.recipe.held_out import folds_of
from trainer.tuning.folded import count_crosswise
from trainer.tuning.sweep import with_settings
from trainer.tuning.targets import TuningTarget

QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def folded(mask_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of forty frames, measured by two networks."""
    folder = tmp_path_factory.mktemp("folded") / "mine"
    fit_folded(tiny_settings(mask_folder, folds=2, epochs=1, epoch_crops=24), folder, QUIET)
    return folder


def parts_of(run: Path) -> dict[str, str]:
    """Return each frame's part in a run."""
    with (run / "split.csv").open(newline="") as file:
        return {row["name"]: row["part"] for row in csv.DictReader(file)}


@pytest.mark.slow
def test_all_frames_teach_and_each_is_measured_once(folded: Path) -> None:
    """The run's own network learns from all; of the others each frame is held out from one alone."""
    assert set(parts_of(folded).values()) == {"train"}
    held_out = Counter(
        name for number in (1, 2) for name, part in parts_of(folded / f"fold-{number}").items() if part == "validation"
    )
    assert held_out.keys() == parts_of(folded).keys() and set(held_out.values()) == {1}
    assert '"validation_loss":null' in (folded / "metrics.jsonl").read_text()


@pytest.mark.slow
def test_networks_that_were_taught_shorter_measure_nothing(folded: Path) -> None:
    """Once the run itself has learnt longer they are no networks like it, and are resumed first."""
    settings = checkpoint.load(folded / "last.pt")[0].settings
    for number in (1, 2):
        asked = of_fold(settings, number)
        assert is_finished(folded / f"fold-{number}", asked)
        assert not is_finished(folded / f"fold-{number}", replace(asked, epochs=(asked.epochs or 0) + 1))
    with pytest.raises(UserError, match="is not finished, and is to measure"):
        folds_of(folded, replace(settings, epochs=(settings.epochs or 0) + 1))


@pytest.mark.slow
def test_all_frames_choose_and_count(folded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Scores, calibration and settings rest on every frame, and the card and the report say on what."""
    assert __main__.main(["export", str(folded), "--calibrated", "--precision", "fp32"]) == 0
    assert "on all frames, each by one of 2 networks that never saw it" in capsys.readouterr().out
    assert __main__.main(["tune", str(folded), "--balanced", "--accept-collapsed"]) == 0
    printed = capsys.readouterr().out
    assert "calibration: 40 frames" in printed and "each counted at settings chosen without its part" in printed
    scores = recipe.read_card(folded / "recipe").scores
    assert scores["validation_frames"] == 40 and "validation_temperature" in scores
    assert "pitted: " in str(scores["frame_chosen_on"]) and float(scores["frame_planted"]) > 10


@pytest.mark.long
def test_a_network_that_is_missing_is_taught_by_resuming(
    folded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Export and tune refuse an unfinished run with what to do; that, done, makes the very split again."""
    run = tmp_path / "mine"
    shutil.copytree(folded, run, ignore=shutil.ignore_patterns("recipe"))  # that another test exports
    before = parts_of(run / "fold-2")
    shutil.rmtree(run / "fold-2")
    assert __main__.main(["export", str(run)]) == 2
    assert "Go on with: trainer fit --resume --out" in capsys.readouterr().err
    assert __main__.main(["fit", "--resume", "--out", str(run)]) == 0
    assert parts_of(run / "fold-2") == before and "fold-1: done already" in capsys.readouterr().out


def test_no_frame_decides_how_it_is_counted() -> None:
    """A part is counted at what the others chose: where they are surer than it, all of it is held back."""
    coils = [ProceduralCoil(seed, 12, defects_per_m=6) for seed in (7, 8, 9)]
    opened = with_settings(CARD, [(0.0, 0.0)] * 4)

    def seen(coil: ProceduralCoil, confidence: int) -> AssessedStrip:
        return strip_of(maps_of(coil, confidence), opened, coil)

    alike = [[seen(coil, 230)] for coil in coils]
    total = count_crosswise(CARD, alike, TuningTarget(max_false_per_100m=1000)).total()
    assert total.found == total.true > 10
    unlike = [[seen(coils[0], 140)], *alike[1:]]
    held_back = count_crosswise(CARD, unlike, TuningTarget(max_false_per_100m=0)).total()
    assert 0 < held_back.found < total.true - 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--patience", "2"], "--patience needs frames to measure on"),
        (["--fold", "1/2"], "--fold 1/2 stands next to --folds"),
        (["--validate", "{data}"], "--folds 2 stands next to --split or --validate"),
        (["--start", "{run}/last.pt"], "has learnt from DATA, so that it knows what is held out"),
    ],
)
def test_what_leaves_nothing_to_measure_on_is_refused(
    arguments: list[str],
    says: str,
    run: tuple[Path, Card],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line, exit code 2, and nothing is left behind."""
    data = run[1].settings.data[0]
    given = [argument.format(data=data, run=run[0]) for argument in arguments]
    assert __main__.main(["fit", data, "--folds", "2", *given, "--out", str(tmp_path / "mine")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line and not (tmp_path / "mine" / "last.pt").exists()
