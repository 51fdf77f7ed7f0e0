"""The strip that `trainer tune` chooses and measures on: a run's own validation frames in two halves, or what is named.

Knows runs, splits and DATA; must not know how settings are chosen.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from inspector.records.recipe import Recipe
from inspector.simulator.looks import LOOKS, PLAIN
from inspector.simulator.sheet import MOST_PER_M
from inspector.words import counted
from trainer.assessment.coil import ProceduralCoil, Scale
from trainer.assessment.labelled_strip import LabelledStrip, SingleFrames, WholeCoils
from trainer.data import sources
from trainer.data.duplicates import near_duplicates
from trainer.data.shared import refuse_shared
from trainer.data.sizes import check_sizes
from trainer.data.sources import coil_name
from trainer.data.split import Part, open_data, split
from trainer.errors import DataError
from trainer.files import replace_file
from trainer.settings import Settings

COILS = re.compile(
    r"(?P<first>\d+)(-(?P<last>\d+))?:(?P<frames>[1-9]\d*)"
    rf"(:defects=(?P<defects>\d+(\.\d+)?))?([:,]look=(?P<look>{'|'.join(LOOKS)}))?"
)
PARTS = ("calibration", "test")


def halves(settings: Settings, run: Path, card: Recipe, scale: Scale) -> tuple[SingleFrames, SingleFrames]:
    """Divide the frames that a run was measured on in calibration and test, and write that into `RUN/tune.csv`.

    Stratified and seeded like the run's own split, near-duplicates on one side; the same each time.

    Raises:
        DataError: the run's data cannot be used, or holds too few validation frames.
    """
    _, validation = open_data(settings, run, [kind.name for kind in card.classes])
    try:
        parts = split(validation, settings.seed, near_duplicates(validation), train_share=0.5)
    except DataError as error:
        raise DataError(
            f"{run}: {counted(len(validation), 'validation frame')}: too few to choose on some and measure on others; "
            "expected 2 or more of a kind. Give other frames: trainer tune RUN/recipe --calibrate DATA --test OTHER"
        ) from error
    _write(run / "tune.csv", parts)
    calibration, test = (SingleFrames(part, scale) for part in parts)
    return calibration, test


def labelled_strip(
    specs: Sequence[str], only: str | None, card: Recipe, scale: Scale, say: Callable[[str], object] = print
) -> LabelledStrip:
    """Open what the command line names: coils as `950-951:900`, or any DATA, whose frames are assessed one by one.

    `say` gets a warning where masks without names are taken for the recipe's classes. Coils have 1.5 defects a metre
    and the plain look, or what `950-951:900:defects=6,look=mill` says.

    Raises:
        DataError: data that cannot be used, or coils with classes that the recipe lacks.
    """
    matches = [COILS.fullmatch(spec) for spec in specs]
    if not any(matches):
        size, names = (card.height, card.width), [kind.name for kind in card.classes]
        frames = sources.frames(specs, only, classes=names, window=card.window, size=size)
        check_sizes(frames)
        for line in sources.say_by_place(frames):
            say(line)
        return SingleFrames(frames, scale)
    coils: list[ProceduralCoil] = []
    for spec, match in zip(specs, matches, strict=True):
        first = int(match["first"]) if match else 0
        last = int(match["last"] or first) if match else -1
        if match is None or last < first:
            raise DataError(f"{spec}: expected coils only, as 950-951:900, or DATA only")
        density = {"defects_per_m": float(match["defects"])} if match["defects"] else {}
        if max(density.values(), default=0.0) > MOST_PER_M:
            raise DataError(f"{spec}: expected 0..{MOST_PER_M} defects a metre, as 950-951:900:defects=6")
        look = match["look"] or PLAIN
        coils += [ProceduralCoil(seed, int(match["frames"]), look=look, **density) for seed in range(first, last + 1)]
    return WholeCoils(coils, [kind.name for kind in card.classes])


def both_strips(
    calibration: Sequence[str] | None, test: Sequence[str], only: str | None, card: Recipe, scale: Scale
) -> tuple[LabelledStrip | None, LabelledStrip]:
    """Open the strip to choose on, where there is one, and that to measure on, which has none of it.

    Raises:
        DataError: data that cannot be used; a frame, or a procedural coil whatever its defects, that is in both.
    """
    chosen = labelled_strip(calibration, only, card, scale) if calibration else None
    measured = labelled_strip(test, only, card, scale)
    if not chosen:
        return None, measured
    if coils := _coils(chosen) & _coils(measured):
        raise DataError(
            f"--test: {counted(len(coils), 'coil')} of it {'is' if len(coils) == 1 else 'are'} in --calibrate too, as "
            f"{min(coils)}; expected others, for what is known already measures nothing. Give other seeds."
        )
    if isinstance(chosen, SingleFrames) and isinstance(measured, SingleFrames):
        refuse_shared("--test", measured.frames, chosen.frames, "in --calibrate too")
    return chosen, measured


def _coils(strip: LabelledStrip) -> set[str]:
    """Return the names of the procedural coils that a strip is of."""
    if isinstance(strip, WholeCoils):
        return {coil_name(coil.seed, coil.look) for coil in strip.coils}
    frames = strip.frames if isinstance(strip, SingleFrames) else None
    drawn = [frames.name(index) for index in range(len(frames)) if frames.image(index) is None] if frames else []
    return {name.rpartition("/")[0] for name in drawn}


def _write(path: Path, parts: tuple[Part, Part]) -> None:
    """Write `name,part` of every frame."""
    rows = [
        (frames.name(index), name) for name, frames in zip(PARTS, parts, strict=True) for index in range(len(frames))
    ]
    with replace_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("name", "part"))
        writer.writerows(rows)
