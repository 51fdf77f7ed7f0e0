"""`trainer fit-screen`: teach a fast recipe that looks first, and write it."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.commands.arguments import DATA_HELP, ONLY_HELP, REPLACE_HELP, count, frame_size

if TYPE_CHECKING:
    from inspector.records.recipe import Recipe
    from trainer.data.samples import Frames
    from trainer.data.sizes import Size

CALIBRATION_FRAMES = 24


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add = command.add_argument
    add("data", nargs="+", metavar="DATA", help=f"frames to learn from: {DATA_HELP}")
    add("--only", metavar="CSV:COLUMN=VALUE", help=ONLY_HELP)
    add("--split", type=Path, metavar="FILE", help="a run's split.csv: of DATA its training part alone")
    add(
        "--full",
        metavar="RECIPE",
        help="the recipe that it looks first for, a folder or a shipped one: what that does not find teaches nothing",
    )
    add("--out", type=Path, required=True, metavar="RECIPE", help="the screen's folder")
    add("--crops", type=count, default=30_000, metavar="N", help="(default: %(default)s: some 15 minutes of a core)")
    add("--crop-width", type=count, default=320, metavar="PX", help="columns of a crop (default: %(default)s)")
    add("--size", type=frame_size, metavar="HxW", help="frames on the line, pixels (default: the data's largest)")
    add("--seed", type=int, default=1, metavar="N", help="(default: %(default)s)")
    add("--name", default="screen", metavar="NAME", help="its name (default: %(default)s)")
    add("--version", default="1", metavar="VERSION", help="its version (default: %(default)s)")
    add("--trained-on", metavar="WORDS", help="in words, what it was trained on (default: DATA)")
    add("--replace", action="store_true", help=REPLACE_HELP)


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    from inspector import recipe
    from inspector.engines.openvino import OpenVino
    from trainer.files import hold_folder
    from trainer.recipe.evaluate import pad
    from trainer.recipe.export import calibration
    from trainer.recipe.standing import replaced, standing
    from trainer.screen import cells, fit
    from trainer.screen.export import ScreenOptions, export_screen

    card, model = recipe.load(recipe.find(given.full, Path())) if given.full else (None, b"")
    frames, size_px = _opened(given, card)
    with hold_folder(given.out):
        there = standing(given.out, replace=given.replace)
        full = (card, OpenVino(card, model)) if card else None
        taught = cells.teach(frames, len(frames), full, print)
        course = fit.Course(given.crops, height_px=size_px[0], width_px=given.crop_width, seed=given.seed)
        screen = fit.fit(frames, taught, course, print)
        usual = calibration(frames, CALIBRATION_FRAMES, given.seed)
        asked = ScreenOptions(
            name=given.name,
            version=given.version,
            created=datetime.now(UTC).date().isoformat(),
            trained_on=given.trained_on or " ".join(given.data),
            height_px=size_px[0],
            width_px=size_px[1],
            mm_per_px=card.mm_per_px if card else 0.0,
        )
        made = export_screen(screen, (pad(usual[i], *size_px) for i in range(len(usual))), given.out, asked)
    print(
        f"{given.out}: {made}. Next: `trainer specify`, so that it passes what it was never taught, and `tune-screen`"
    )
    for line in replaced(there, made):
        print(line)
    return 0


def _opened(given: argparse.Namespace, card: Recipe | None) -> tuple[Frames, Size]:
    """Open the frames that teach, and say what to know of them; return them with the line's size."""
    from trainer.data import sources
    from trainer.data.check import remarks
    from trainer.data.sizes import check_sizes, cut_larger, line_size
    from trainer.data.split import read_training

    names = [kind.name for kind in card.classes] if card else None
    size = given.size or ((card.height, card.width) if card else None)
    window = card.window if card else None
    frames = sources.frames(given.data, given.only, classes=names, window=window, size=size)
    sources.check_only(given.data, given.only)
    for line in remarks(given.data, given.only, window=window, size=size):
        print(f"warning: {line}")
    for line in sources.say_by_place(frames):
        print(line)
    if given.split:
        frames = read_training(given.split, frames)
    size_px = line_size(check_sizes(frames), size)
    return cut_larger(frames, size_px), size_px
