import csv
import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from rich.console import Console

from tests.trainer.frames import tiny_settings
from trainer.__main__ import main
from trainer.data.split import open_data, write_split
from trainer.errors import DataError, UserError
from trainer.learn import checkpoint
from trainer.learn.series import is_finished, keep_alike
from trainer.learn.unet import UNet
from trainer.paper import cost, table
from trainer.paper.compare import compare, read_figures, share_split
from trainer.paper.cost import Stopwatch, count_gflop, count_parameters
from trainer.paper.table import ComparisonBasis, EncoderFigures

BASIS = ComparisonBasis(80, 20, "a device, fp32, batch 1", "cross_entropy")
QUIET = Console(quiet=True)


@pytest.fixture
def small_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time small frames, for this machine is shared."""
    monkeypatch.setattr(cost, "FRAME_PX", (64, 128))


def read_table(folder: Path) -> dict[tuple[str, str], dict[str, str]]:
    """Read table.csv: (encoder, source) -> figures."""
    rows = csv.DictReader((folder / "table.csv").read_text().splitlines())
    return {(row["encoder"], row["source"]): row for row in rows}


@pytest.mark.slow
@pytest.mark.usefixtures("small_cost")
def test_two_encoders_are_trained_alike_and_are_compared_with_the_paper(mask_folder: Path, tmp_path: Path) -> None:
    """One split for both, a run each, and a table whose figures are those of the runs; asked again, none is trained."""
    settings = tiny_settings(mask_folder, epochs=1, epoch_crops=8)
    compare(settings, ["resnet18", "resnet34"], tmp_path, QUIET)
    (shared,) = {(tmp_path / at / "split.csv").read_text() for at in (".", "resnet18", "resnet34")}
    figures = read_table(tmp_path)
    for encoder in ("resnet18", "resnet34"):
        card = checkpoint.load(tmp_path / encoder / "best.pt")[0]
        assert float(figures[encoder, "ours"]["dice_kaggle"]) == card.scores["dice_kaggle"]
        assert card.settings.encoder == encoder and float(figures[encoder, "ours"]["frames_per_s"]) > 0
    assert figures["resnet34", "paper"]["dice_meter"] == "0.8148" and not figures["resnet34", "paper"]["dice_kaggle"]
    text = (tmp_path / "table.md").read_text()
    measured, learned = (shared.count(f",{part},") for part in ("validation", "train"))
    assert "| Dice, meter |" in text and f"on {measured} frames measured and {learned} learned from" in text
    assert "the paper's on 12568 images" in text

    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/last.pt")}
    compare(settings, ["resnet18", "resnet34"], tmp_path, QUIET)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/last.pt")} == before


@pytest.mark.slow
@pytest.mark.usefixtures("small_cost")
def test_encoders_are_cross_validated(mask_folder: Path, tmp_path: Path) -> None:
    """Every frame is measured once for each encoder, with intervals; asked again, none is trained."""
    words = [
        "--preset",
        "paper",
        "--epochs",
        "1",
        "--epoch-crops",
        "4",
        "--batch",
        "2",
        "--workers",
        "0",
        "--folds",
        "2",
    ]
    command = ["compare", str(mask_folder), "--encoders", "resnet18", "--out", str(tmp_path / "out"), *words]
    assert main(command) == 0
    text = (tmp_path / "out" / "table.md").read_text()
    report = json.loads((tmp_path / "out" / "resnet18" / "report.json").read_text())
    dice = report["plain"]["pooled"]["dice_micro"]
    assert f"{dice['value']:.4f} ({dice['low']:.4f} to {dice['high']:.4f})" in text
    assert f"rest on {report['frames']} frames, each measured once, by the network of its fold (of 2)" in text
    assert float(read_table(tmp_path / "out")["resnet18", "ours"]["frames_per_s"]) > 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*/*/last.pt")}
    assert len(before) == 2 and main(command) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*/*/last.pt")} == before
    assert main([*command, "--fold", "1/2"]) == 2


@pytest.mark.parametrize("name", ["last.pt", "best.pt"])  # the former may be removed to save room
def test_a_comparison_goes_on_only_as_it_began(mask_folder: Path, tmp_path: Path, name: str) -> None:
    """Encoders trained otherwise than the first would not be comparable; what is another machine's may differ."""
    path = tmp_path / "compare.json"
    assert keep_alike(tiny_settings(mask_folder, epochs=7), path)
    assert keep_alike(tiny_settings(mask_folder), path), "no run has begun: what was asked for binds nobody"
    (tmp_path / "resnet18").mkdir()
    (tmp_path / "resnet18" / name).touch()
    keep_alike(tiny_settings(mask_folder, workers=3, encoder="resnet50"), path, own=("encoder",))
    with pytest.raises(DataError, match=r"compare.json: epochs was 2, now it is 3; expected the same for every run"):
        keep_alike(tiny_settings(mask_folder, epochs=3), path)
    path.write_text("{")
    with pytest.raises(DataError, match=r"compare.json: is damaged"):
        keep_alike(tiny_settings(mask_folder), path)


@pytest.mark.parametrize("options", [["--split", "{}"], []])
def test_a_comparison_follows_or_keeps_a_split_that_is_there(
    mask_folder: Path, tmp_path: Path, options: list[str]
) -> None:
    """It may be made by hand; then it ends, for there are no such weights."""
    path = tmp_path / "split.csv"
    write_split(path, *open_data(tiny_settings(mask_folder, seed=4)))
    text = path.read_text()
    words = [*(word.format(path) for word in options), "--weights", str(tmp_path / "none.pt")]
    assert main(["compare", str(mask_folder), *words, "--out", str(tmp_path)]) == 2
    kept = path if options else tmp_path / "split-before-1.csv"
    assert kept.read_text() == text and (options or path.read_text() != text)


def test_a_split_that_measures_what_a_network_was_taught_is_named_as_it_was_given(
    run: tuple[Path, checkpoint.Card], mask_folder: Path, tmp_path: Path
) -> None:
    """Whoever moves the frames there, as the refusal says, is let through: it named one that is made again."""
    mine, own = tmp_path / "mine.csv", tmp_path / "out" / "split.csv"
    text = (run[0] / "split.csv").read_text()
    mine.write_text(text.replace(",validation", ",X").replace(",train", ",validation").replace(",X", ",train"))
    settings = tiny_settings(mask_folder, teacher=str(run[0] / "best.pt"), split=str(mine))
    with pytest.raises(DataError, match=rf"Move them to train in {mine}, or leave --split out"):
        share_split(settings, own, QUIET, is_new=True)
    assert not own.exists()
    mine.write_text(text)
    assert share_split(settings, own, QUIET, is_new=True).split == str(own)
    with pytest.raises(DataError, match=r"Begin with a network of other data"):
        share_split(tiny_settings(mask_folder, teacher=settings.teacher, fold="1/2"), own, QUIET, is_new=True)


@pytest.mark.long
@pytest.mark.usefixtures("small_cost")
def test_a_killed_comparison_goes_on_where_it_was(
    mask_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After kill -9 in the second encoder's run the first is left alone, the second goes on from its checkpoint."""
    words = [
        *("compare", str(mask_folder), "--out", str(tmp_path / "out"), "--encoders", "resnet18", "resnet34"),
        *("--epochs", "3", "--epoch-crops", "8", "--crop", "64x64", "--workers", "0", "--precision", "fp32"),
    ]
    first, second = tmp_path / "out" / "resnet18", tmp_path / "out" / "resnet34"
    process = subprocess.Popen([sys.executable, "-m", "trainer", *words], stdout=subprocess.DEVNULL)
    try:
        give_up_s = time.monotonic() + 500
        while not (second / "last.pt").is_file():
            assert process.poll() is None and time.monotonic() < give_up_s
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    asked = checkpoint.load(first / "last.pt")[0].settings
    assert is_finished(first, asked) and not is_finished(second, asked)
    step, done_ns = checkpoint.load(second / "last.pt")[0].step, (first / "last.pt").stat().st_mtime_ns
    assert 0 < step < 6

    assert main(words) == 0
    printed = capsys.readouterr().out.replace("\n", " ")
    assert "resnet18: done already" in printed and "resnet34: goes on in" in printed
    assert (first / "last.pt").stat().st_mtime_ns == done_ns
    card = checkpoint.load(second / "last.pt")[0]
    assert card.step == 6 and is_finished(second, asked) and (tmp_path / "out" / "table.md").is_file()
    steps = [json.loads(line)["step"] for line in (second / "metrics.jsonl").read_text().splitlines()]
    assert sorted(set(steps)) == [2, 4, 6]  # none was lost


def test_a_run_that_went_on_is_not_taken_for_finished(run: tuple[Path, checkpoint.Card], tmp_path: Path) -> None:
    """The marker counts for the checkpoint that it was written for alone; a damaged or missing one does not."""
    (tmp_path / "last.pt").symlink_to(run[0] / "last.pt")
    settings = run[1].settings
    assert not is_finished(tmp_path, settings)
    for content, finished in ((f'{{"step": {run[1].step}}}', True), ('{"step": 3}', False), ("{", False), ("7", False)):
        (tmp_path / "finished.json").write_text(content)
        assert is_finished(tmp_path, settings) is finished


def test_figures_are_those_of_the_best_epoch(run: tuple[Path, checkpoint.Card], tmp_path: Path) -> None:
    """Loss and epoch are read from the line of the network that is kept; an epoch cut short by the clock is no pace."""
    best = checkpoint.load(run[0] / "best.pt")[0]
    lines = [
        {"epoch": 1, "step": best.step, "elapsed_s": 60.0, "validation_loss": 0.5},
        {"epoch": 2, "step": 2 * best.step, "elapsed_s": 180.0, "validation_loss": 0.25},
        {"epoch": 2, "step": 2 * best.step, "elapsed_s": 180.0, "validation_loss": 0.25},  # written again after a kill
        {"epoch": 3, "step": 2 * best.step + 1, "elapsed_s": 181.0, "validation_loss": 0.75},
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    figures = read_figures(tmp_path, best)
    assert (figures["loss"], figures["best_epoch"], figures["epochs"]) == (0.5, 1, 3)
    assert figures["minutes_per_epoch"] == 1.5  # of 1 and 2
    (tmp_path / "metrics.jsonl").write_text(json.dumps(lines[3]))
    with pytest.raises(UserError, match=f"no line of step {best.step}, which best.pt is of"):
        read_figures(tmp_path, best)


def test_what_nobody_measured_is_a_dash() -> None:
    """No figure is made up: None and nan are a dash in the table, and nothing in the CSV."""
    row = EncoderFigures("resnet18", {"loss": None, "dice_present": math.nan, "dice_meter": 0.5, "parameters": 14.3e6})
    lines = {line[0]: line[1:] for line in table.cells([row])}
    assert lines["loss"] == ["-", "0.0109"] and lines["Dice, present"] == ["-", "-"]
    assert lines["Dice, meter"] == ["0.5000", "0.7526"] and lines["parameters, millions"] == ["14.3", "-"]
    (ours, paper) = csv.DictReader(table.to_csv([row]).splitlines())
    assert (ours["loss"], ours["dice_present"], ours["dice_meter"], paper["loss"]) == ("", "", "0.5", "0.0109")


def test_the_table_is_markdown() -> None:
    """Every line has the cells of the head, whatever the number of encoders; the notes follow."""
    rows = [EncoderFigures(encoder, {}) for encoder in table.PAPER]
    lines = table.markdown(rows, BASIS).splitlines()
    assert {line.count("|") for line in lines if line.startswith("|")} == {8}
    assert lines[1] == "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    assert any("20 frames measured and 80 learned from" in line for line in lines)


def test_arithmetic_is_counted_as_by_hand(run: tuple[Path, checkpoint.Card], monkeypatch: pytest.MonkeyPatch) -> None:
    """A multiply-add counts 2: every convolution's kernel times its output, found by running the network once."""
    monkeypatch.setattr(cost, "FRAME_PX", (64, 96))
    unet = checkpoint.build(run[1])
    operations = 0

    def count(conv: torch.nn.Module, inputs: object, output: torch.Tensor) -> None:
        nonlocal operations
        assert isinstance(conv, torch.nn.Conv2d)
        operations += 2 * conv.in_channels * math.prod(conv.kernel_size) * output.numel()

    for module in unet.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    unet.eval()(torch.zeros(1, 1, 64, 96))
    assert count_gflop(run[1]) == pytest.approx(operations / 1e9)
    assert count_parameters(run[1]) == sum(parameter.numel() for parameter in unet.parameters())


@pytest.mark.usefixtures("small_cost")
def test_a_larger_network_is_slower() -> None:
    """Side by side in one run: ResNet-50 takes longer than ResNet-18."""
    torch.manual_seed(0)
    speeds = Stopwatch("fp32").frames_per_s({name: UNet(name) for name in ("resnet18", "resnet50")})
    assert speeds["resnet18"] > speeds["resnet50"] > 0
