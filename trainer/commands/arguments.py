"""Options and kinds of values that several commands share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainer.judge.coil import Scale

DATA_HELP = (
    "a Severstal folder, a folder of images/ and masks/, a COCO .json, or sheet:SEEDS:FRAMES, as "
    "sheet:100-139:2000:defects=6"
)
ONLY_HELP = "Severstal: frames so marked, as manifest.csv:kind=full_masks"

FOLD_HELP = "measure on fold K of N, learn from the rest; all N together measure on every frame once"


def named_number(text: str) -> tuple[str, float]:
    """Read `CLASS=NUMBER`."""
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: expected CLASS=NUMBER, as crack=0.4") from None


def size(text: str) -> tuple[int, int]:
    """Read `HEIGHTxWIDTH` in pixels; both are above 0."""
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit() and int(height) and int(width)):
        raise argparse.ArgumentTypeError(f"{text}: expected HEIGHTxWIDTH in pixels, as 256x512")
    return int(height), int(width)


def rate(text: str) -> float:
    """Read a share above 0 and below 1."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a share above 0 and below 1, as 0.95")
    return number


def length(text: str) -> float:
    """Read millimetres above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1000:
        raise argparse.ArgumentTypeError(f"{text}: expected millimetres above 0, as 0.5")
    return number


def add_scale(command: argparse.ArgumentParser) -> None:
    """Let a command be told how large a pixel is."""
    command.add_argument("--mm-per-px", type=length, metavar="MM", help="a pixel across the strip (assumed: 0.625)")
    command.add_argument("--mm-per-row", type=length, metavar="MM", help="a row along it (default: as a pixel across)")


def scale(given: argparse.Namespace) -> Scale:
    """Return how large a pixel is, as told or assumed."""
    from trainer.judge.coil import Scale

    if given.mm_per_px is None and given.mm_per_row is None:
        return Scale()
    across, along = given.mm_per_px, given.mm_per_row
    return Scale(across or along, along or across, is_assumed=False)
