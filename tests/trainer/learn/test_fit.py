import errno
import itertools
import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from tests.trainer.frames import tiny_settings
from trainer.__main__ import main
from trainer.errors import CheckpointDiskFull, Diverged, UserError
from trainer.learn import checkpoint, logbook, network
from trainer.learn.checkpoint import Card
from trainer.learn.curves import Lines, draw_curves
from trainer.learn.parallel import Ranks
from trainer.learn.schedule import Schedule, one_cycle
from trainer.learn.series import finish
from trainer.learn.train import fit, keep_best, outcome
from trainer.settings import EFFICIENTNET, Settings

QUIET = Console(quiet=True)


def epochs(run: Path) -> list[dict[str, float]]:
    """Read a run's figures, one dict an epoch."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(mask_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    fit(tiny_settings(mask_folder, encoder=EFFICIENTNET, epoch_crops=4), folder, QUIET)
    return folder


def test_twenty_steps_lower_the_loss(run: tuple[Path, Card]) -> None:
    """The loop learns, and writes an epoch's figures by their conventions' names."""
    first, second = epochs(run[0])
    assert second["loss"] < 0.8 * first["loss"]
    assert (first["epoch"], first["step"], second["step"]) == (1, 10, 20)
    assert {"dice_kaggle", "dice_meter", "dice_micro", "dice_micro_4", "dice_present", "iou_meter"} < second.keys()


def test_a_run_leaves_what_it_promises(run: tuple[Path, Card]) -> None:
    """Split, metrics, a checkpoint to resume and a lighter one to export."""
    folder, card = run
    promised = {"config.toml", "split.csv", "metrics.jsonl", "curves.png", "last.pt", "best.pt"}
    assert {p.name for p in folder.iterdir() if not p.name.startswith("events.out.tfevents")} == promised
    best, weights, training = checkpoint.load(folder / "best.pt")
    assert training is None and best.scores["dice_micro_mean"] == best.best == card.best
    checkpoint.build(best).load_state_dict(weights)


@pytest.mark.parametrize(("every_s", "drawn"), [(0.0, [1, 2]), (math.inf, [2])])
def test_curves_are_drawn_now_and_then_and_at_the_end(
    mask_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every_s: float, drawn: list[int]
) -> None:
    """Each epoch where one takes long enough; of many short ones the last picture has all."""
    draws: list[int] = []

    def draw(lines: Lines, class_names: Sequence[str], path: Path) -> None:
        draws.append(len(lines))
        draw_curves(lines, class_names, path)

    monkeypatch.setattr(logbook, "DRAWN_EVERY_S", every_s)
    monkeypatch.setattr(logbook, "draw_curves", draw)
    fit(tiny_settings(mask_folder, epoch_crops=4), tmp_path / "run", QUIET)
    assert draws == drawn and (tmp_path / "run" / "curves.png").is_file()


@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_run_killed_at_any_checkpoint_ends_where_an_uninterrupted_one_does(
    whole: Path, mask_folder: Path, tmp_path: Path, number: int
) -> None:
    """The first best.pt, the last.pt after it, or the next one: the same call goes on to the same weights and lines."""

    class Enough(Exception):
        pass

    with pytest.MonkeyPatch.context() as patch:
        save, written = checkpoint.save, itertools.count(1)

        def save_or_die(path: Path, *rest: object) -> None:
            if next(written) == number:
                raise Enough
            save(path, *rest)  # type: ignore[arg-type]

        patch.setattr(checkpoint, "save", save_or_die)
        with pytest.raises(Enough):
            finish(tiny_settings(mask_folder, encoder=EFFICIENTNET, epoch_crops=4), tmp_path, QUIET)
    finish(tiny_settings(mask_folder, encoder=EFFICIENTNET, epoch_crops=4), tmp_path, QUIET)
    weights = [checkpoint.load(run / "last.pt")[1] for run in (whole, tmp_path)]
    for name in weights[0]:
        assert torch.equal(weights[0][name], weights[1][name]), name
    steps = [(line["step"], line["loss"], line["dice_micro_mean"]) for line in epochs(whole)]
    assert [(line["step"], line["loss"], line["dice_micro_mean"]) for line in epochs(tmp_path)] == steps


def test_a_full_disk_before_the_first_checkpoint_is_answered_by_the_same_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to resume; where there is, that is what to do."""
    card = Card(Settings(data=()), 1.0, 1.0, (1.0,))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(CheckpointDiskFull, match=r"none before it\. Make room, then give the same command again"):
        checkpoint.save(tmp_path / "last.pt", card, {})
    (tmp_path / "last.pt").touch()
    with pytest.raises(CheckpointDiskFull, match="Make room, then go on by --resume"):
        checkpoint.save(tmp_path / "best.pt", card, {})


def test_a_run_that_patience_ended_is_not_taught_further(run: tuple[Path, Card], tmp_path: Path) -> None:
    """Resumed, it ends where it ended: not a step more, not a line more."""
    patient = tmp_path / "run"
    shutil.copytree(run[0], patient)
    card, weights, training = checkpoint.load(patient / "last.pt")
    card = replace(card, settings=replace(card.settings, epochs=9, patience=1), stale_epochs=1)
    checkpoint.save(patient / "last.pt", card, weights, training)
    assert fit(Settings(data=()), patient, QUIET, resume=True).step == card.step
    assert epochs(patient) == epochs(run[0])


def test_what_comes_next_is_not_refused(run: tuple[Path, Card], tmp_path: Path) -> None:
    """Of a run that went on after it was exported and tuned: without --replace `export` leaves such a recipe."""
    assert outcome(run[1], tmp_path).endswith(f"next: trainer export {tmp_path}, then trainer tune {tmp_path}")
    (tmp_path / "recipe").mkdir()
    (tmp_path / "recipe" / "recipe.toml").touch()
    assert f"next: trainer export {tmp_path} --replace, by which its recipe loses" in outcome(run[1], tmp_path)


def test_the_best_is_the_latest_where_nothing_is_measured(run: tuple[Path, Card], tmp_path: Path) -> None:
    """Without a defect among the validation frames no score chooses, and there is a network to export all the same."""
    taught = replace(run[1], best=-1.0, step=7, scores={"dice_micro_mean": math.nan})
    unet = checkpoint.build(taught)
    card = keep_best(taught, tmp_path, network.TrainingNetwork(unet, taught.settings, Ranks()), Ranks())
    assert card.best == -1.0 and checkpoint.load(tmp_path / "best.pt")[0].step == 7


@pytest.mark.parametrize(
    "wrong",
    [
        "batch 0",
        "epochs 0",
        "minutes -1",
        "minutes nan",
        "workers -1",
        "patience -1",
        "ema 1",
        "lr 0",
        "crop 60x64",
        "defect-share 2",
    ],
)
def test_numbers_that_no_run_can_use_are_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By the option's name, before anything is read: 0 crops a step would divide by zero, 0 epochs mean 23."""
    option, number = wrong.split()
    with pytest.raises(SystemExit) as refused:
        main(["fit", "data", "--out", "run", f"--{option}", number])
    assert refused.value.code == 2 and f"argument --{option}: {number}: expected" in capsys.readouterr().err


def test_a_taught_network_goes_on_learning(run: tuple[Path, Card], mask_folder: Path, tmp_path: Path) -> None:
    """A run that starts from another's best begins with its knowledge and keeps its shape and normalisation."""
    settings = tiny_settings(mask_folder, start=str(run[0] / "best.pt"), decoder=(64, 64, 64, 64), epochs=1)
    card = fit(settings, tmp_path / "run", QUIET)
    assert epochs(tmp_path / "run")[0]["loss"] < epochs(run[0])[0]["loss"]
    assert (card.mean, card.settings.decoder) == (run[1].mean, (32, 16, 16, 16))


def test_a_run_is_never_overwritten(run: tuple[Path, Card], mask_folder: Path) -> None:
    """A second fit into the same folder says how to resume instead."""
    with pytest.raises(UserError, match="holds a run already; go on with it by --resume"):
        fit(tiny_settings(mask_folder), run[0], QUIET)


def test_a_run_without_its_last_checkpoint_is_never_overwritten(
    run: tuple[Path, Card], mask_folder: Path, tmp_path: Path
) -> None:
    """Removed to save room, it leaves one that can be exported: network, split and figures stay as they are."""
    for name in ("best.pt", "split.csv", "metrics.jsonl"):
        (tmp_path / name).write_bytes((run[0] / name).read_bytes())
    for changes in ({}, {"seed": 1}, {"start": "steel-r43"}):
        with pytest.raises(UserError, match=r"whose last.pt is gone: its best.pt can be exported, not resumed"):
            fit(tiny_settings(mask_folder, **changes), tmp_path, QUIET)
    assert {path.name for path in tmp_path.iterdir()} == {"best.pt", "split.csv", "metrics.jsonl"}
    assert (tmp_path / "split.csv").read_bytes() == (run[0] / "split.csv").read_bytes()


def test_a_loss_that_is_no_number_ends_the_run(mask_folder: Path, tmp_path: Path) -> None:
    """A learning rate beyond all reason is reported with the step and what to change."""
    settings = tiny_settings(mask_folder, lr=1e30, epoch_crops=4000, epochs=1)
    with pytest.raises(Diverged, match=r"loss is (nan|inf) at step \d+, .*lower --lr"):
        fit(settings, tmp_path / "run", QUIET)


def test_the_learning_rate_rises_once_and_falls() -> None:
    """One cycle: continuous, its top where the warm-up ends."""
    rates = [one_cycle(i / 1000, 1e-3) for i in range(1001)]
    assert max(rates) == rates[150] == 1e-3
    assert rates[:150] == sorted(rates[:150]) and rates[150:] == sorted(rates[150:], reverse=True)
    assert rates[0] == pytest.approx(4e-5) and rates[-1] == pytest.approx(1e-6)
    assert max(abs(a - b) for a, b in itertools.pairwise(rates)) < 2e-5


def test_the_budget_ends_by_steps_or_by_the_clock() -> None:
    """Whichever is used up first; a run without a budget gets the paper's 23 epochs."""
    by_steps = Schedule(Settings(data=(), epochs=2), epoch_steps=10)
    assert by_steps.progress(20, 1e9) == 1.0
    usual = Schedule(Settings(data=()), epoch_steps=10)
    assert usual.progress(230, 1e9) == 1.0 and usual.left_s(0, 0.0) == math.inf
    by_clock = Schedule(Settings(data=(), minutes=1.0), epoch_steps=10)
    assert by_clock.progress(0, 60.0) == 1 and by_clock.left_s(0, 60.0) == 0


def test_bf16_is_chosen_only_where_it_is_asked_for_or_fast() -> None:
    """What was asked for is done."""
    cpu = torch.device("cpu")
    assert network.choose_precision("bf16", cpu) == "bf16" and network.choose_precision("fp32", cpu) == "fp32"


def test_a_checkpoint_never_runs_code(tmp_path: Path) -> None:
    """A pickle, a stranger's file and a missing one are refused by name."""
    torch.save({"card": Path("x")}, tmp_path / "pickle.pt")
    with pytest.raises(UserError, match="without running code"):
        checkpoint.load(tmp_path / "pickle.pt")
    torch.save({"weights": {}}, tmp_path / "other.pt")
    with pytest.raises(UserError, match="not a checkpoint of this version"):
        checkpoint.load(tmp_path / "other.pt")
    with pytest.raises(UserError, match="no such file"):
        checkpoint.load(tmp_path / "none.pt")
