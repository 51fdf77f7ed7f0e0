"""`trainer evaluate`: an acceptance report of a recipe, on the daemon's engine."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.commands.arguments import DATA_HELP, ONLY_HELP, add_scale, scale
from trainer.errors import UserError

if TYPE_CHECKING:
    from inspector.records.recipe import Recipe
    from trainer.assessment.acceptance import Acceptance, AcceptanceReport
    from trainer.assessment.coil import Scale
    from trainer.assessment.comparison import Comparison
    from trainer.data.samples import Frames


def add_arguments(evaluate: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    evaluate.add_argument("recipe", metavar="RECIPE", help="the recipe's folder, or the name of a shipped one")
    evaluate.add_argument(
        "data",
        nargs="+",
        metavar="DATA",
        help=DATA_HELP + "; several are joined. For --submission alone, a folder of images will do",
    )
    evaluate.add_argument("--only", metavar="CSV:COLUMN=VALUE", help=ONLY_HELP)
    evaluate.add_argument(
        "--against",
        metavar="RECIPE",
        help="report the difference to another recipe too, as steel-fast, whose classes may be others",
    )
    evaluate.add_argument("--out", type=Path, metavar="FOLDER", help="folder for report.html and report.json")
    evaluate.add_argument("--submission", type=Path, metavar="FILE.csv", help="write Kaggle's submission.csv, too")
    evaluate.add_argument("--json", action="store_true", help="one JSON object, the report, instead of a table")
    add_scale(evaluate)


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    import msgspec

    from inspector import recipe
    from inspector.engines.openvino import OpenVino
    from trainer.assessment.acceptance import Acceptance
    from trainer.assessment.reported import reported_labels
    from trainer.assessment.submission import write_submission
    from trainer.data.sizes import fit_words
    from trainer.files import refuse_foreign
    from trainer.learn.progress import count
    from trainer.recipe import evaluate

    if given.out:
        refuse_foreign(given.out / "report.html", b"<!doctype html>")
        refuse_foreign(given.out / "report.json", b"{")
    card, model = recipe.load(recipe.find(given.recipe, Path()))
    other = recipe.load(recipe.find(given.against, Path())) if given.against else None
    frames, is_labelled = _opened(given, card)
    if other and not is_labelled:
        raise UserError(f"--against {given.against}: expected labelled frames, to count what either finds")
    if words := fit_words(frames, (card.height, card.width)):
        print(words, file=sys.stderr)
    engine, measure = OpenVino(card, model), scale(given)
    acceptance = Acceptance(card, measure, is_compared=other is not None)
    with ExitStack() as stack:
        rows = given.submission and stack.enter_context(write_submission(given.submission, len(card.classes)))
        inferred = evaluate.infer(engine, frames, card)
        for index, (sample, maps) in zip(count(len(frames)), inferred, strict=True):
            if is_labelled:
                acceptance.add(sample, maps)
            if rows:
                image = frames.image(index)
                rows.add(image.name if image else sample.name, reported_labels(maps, card, measure))
    if is_labelled:
        asked = [*given.data, *(("--only", given.only) if given.only else ())]
        report = acceptance.report(engine.name, asked)
        if other:
            report = msgspec.structs.replace(report, comparison=_compared(acceptance, other, frames, measure))
        if given.out:
            _write(given.out, report, acceptance)
        print(msgspec.json.encode(report).decode() if given.json else _table(report, acceptance))
    for made in (given.submission, is_labelled and given.out and given.out / "report.html"):
        if made and not given.json:
            print(f"written: {made}")
    return 0


def _compared(acceptance: Acceptance, other: tuple[Recipe, bytes], frames: Frames, measure: Scale) -> Comparison:
    """Run the other recipe on the same frames, at its own size, and return both compared."""
    from inspector.engines.openvino import OpenVino
    from trainer.assessment.comparison import RecipeTally, compare
    from trainer.assessment.labelled_strip import assessed_frame
    from trainer.assessment.reported import reported_labels
    from trainer.learn.progress import count
    from trainer.recipe import evaluate

    card, model = other
    tally = RecipeTally(card, frames.class_names)
    inferred = evaluate.infer(OpenVino(card, model), frames, card, has_own_classes=False)
    for _, (sample, maps) in zip(count(len(frames)), inferred, strict=True):
        strip = assessed_frame(sample.name, sample.labels, maps, card, measure)
        tally.add(strip, sample.labels, reported_labels(maps, card, measure))
    assert acceptance.tally, "made to be compared"
    return compare(acceptance.tally, tally, frames.class_names)


def _opened(given: argparse.Namespace, card: Recipe) -> tuple[Frames, bool]:
    """Return the frames, and whether they have labels."""
    from trainer.data import sources
    from trainer.data.unlabelled import is_plain, open_plain

    if len(given.data) == 1 and is_plain(Path(given.data[0])):
        if not given.submission or given.out or given.json:
            raise UserError(f"{given.data[0]}: images without labels; expected --submission FILE.csv alone for those")
        return open_plain(Path(given.data[0]), card.window), False
    names, size = [kind.name for kind in card.classes], (card.height, card.width)
    frames = sources.frames(given.data, given.only, classes=names, window=card.window, size=size)
    sources.check_only(given.data, given.only)
    for line in sources.say_by_place(frames):
        print(line, file=sys.stderr)
    return frames, True


def _write(folder: Path, report: AcceptanceReport, acceptance: Acceptance) -> None:
    """Write `report.html` and `report.json`."""
    import msgspec

    from trainer.assessment import page
    from trainer.files import replace_file

    html = page.write(report, acceptance.shots())
    for name, content in (
        ("report.html", html.encode()),
        ("report.json", msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"),
    ):
        with replace_file(folder / name) as temporary:
            temporary.write_bytes(content)


def _table(report: AcceptanceReport, acceptance: Acceptance) -> str:
    """Return the report for a terminal: pixels under their conventions, then defects with bounds."""
    from trainer.assessment.comparison import comparison_lines
    from trainer.recipe import evaluate
    from trainer.tuning import tune

    pixels = {**acceptance.outlined.report(), "frames": float(report.basis.frames)}
    names = [kind.name for kind in report.classes]
    strip = f"defects on {report.basis.metres:.1f} m at {report.basis.scale}"
    lines = [evaluate.table(pixels, names), strip, *tune.defect_lines(acceptance.counts)]
    return "\n".join([*lines, *(comparison_lines(report.comparison) if report.comparison else ())])
