"""Options and kinds of values that several commands share."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from inspector.images.head import parse_window
from trainer.settings import STRIDE_PX

if TYPE_CHECKING:
    from trainer.assessment.coil import Scale

DATA_HELP = (
    "a Severstal folder, a folder of images/ and masks/, a COCO .json, or sheet:SEEDS:FRAMES, as "
    "sheet:100-139:2000:defects=6"
)
LEAST_PX, MOST_PX = 32, 16384
"""Of a recipe's sides."""
ONLY_HELP = "Severstal: frames so marked, as manifest.csv:kind=full_masks"
REPLACE_HELP = (
    "write over a recipe that tune, tune-certainty, specify or tune-screen have worked on: what they gave it is lost"
)

FOLD_HELP = "measure on fold K of N, learn from the rest; all N together measure on every frame once"


def named_number(text: str) -> tuple[str, float]:
    """Read `CLASS=NUMBER`."""
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: expected CLASS=NUMBER, as crack=0.4") from None


def crop_size(text: str) -> tuple[int, int]:
    """Read `HEIGHTxWIDTH` in pixels; both are above 0 and multiples of 32."""
    sides = _sides(text)
    if sides is None or not all(sides) or any(side % STRIDE_PX for side in sides):
        raise argparse.ArgumentTypeError(
            f"{text}: expected HEIGHTxWIDTH in pixels, both multiples of {STRIDE_PX}, as 256x512"
        )
    return sides


def frame_size(text: str) -> tuple[int, int]:
    """Read `HEIGHTxWIDTH` in pixels, as a recipe may have them."""
    sides = _sides(text)
    if sides is None or not all(LEAST_PX <= side <= MOST_PX for side in sides):
        raise argparse.ArgumentTypeError(
            f"{text}: expected HEIGHTxWIDTH in pixels, each {LEAST_PX} to {MOST_PX}, as 256x1600"
        )
    return sides


def _sides(text: str) -> tuple[int, int] | None:
    match = re.fullmatch(r"(\d{1,6})x(\d{1,6})", text, re.ASCII)
    return (int(match[1]), int(match[2])) if match else None


def window(text: str) -> tuple[int, int]:
    """Read `BLACK-WHITE`, levels of 16 bits."""
    try:
        levels = parse_window(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return levels.black, levels.white


def add_frames(command: argparse.ArgumentParser) -> None:
    """Let a command take what the data does not state: the line's frames, and the window of more than 8 bits."""
    command.add_argument(
        "--size",
        type=frame_size,
        metavar="HxW",
        help="frames on the line, pixels: smaller ones are padded, larger ones cut (default: what all fit into)",
    )
    command.add_argument(
        "--window",
        type=window,
        metavar="BLACK-WHITE",
        help="levels of 16-bit images that are black and white, as 0-4095",
    )


def widths(text: str) -> tuple[int, int, int, int]:
    """Read four numbers of channels, as 128,64,48,32."""
    sides = [int(side) for side in text.split(",") if side.isascii() and side.isdigit()]
    if len(sides) != 4 or text.count(",") != 3 or not all(0 < side <= 1024 for side in sides):
        raise argparse.ArgumentTypeError(f"{text}: expected four numbers of channels from 1 to 1024, as 128,64,48,32")
    return sides[0], sides[1], sides[2], sides[3]


def count(text: str) -> int:
    """Read a whole number, 1 or more."""
    return _whole(text, 1)


def whole(text: str) -> int:
    """Read a whole number, 0 or more."""
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    if not (text.isascii() and text.isdigit() and int(text) >= least):
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number, {least} or more")
    return int(text)


def positive(text: str) -> float:
    """Read a number above 0."""
    return _number(text, lambda number: number > 0, "a number above 0, as 0.5")


def amount(text: str) -> float:
    """Read a number, 0 or more."""
    return _number(text, lambda number: number >= 0, "a number, 0 or more")


def share(text: str) -> float:
    """Read a share from 0 to 1."""
    return _number(text, lambda number: 0 <= number <= 1, "a share from 0 to 1, as 0.6")


def rate(text: str) -> float:
    """Read a share above 0 and below 1."""
    return _number(text, lambda number: 0 < number < 1, "a share above 0 and below 1, as 0.95")


def decay(text: str) -> float:
    """Read a share, 0 or more and below 1."""
    return _number(text, lambda number: 0 <= number < 1, "a number from 0 to below 1, as 0.99")


def length(text: str) -> float:
    """Read millimetres above 0."""
    return _number(text, lambda number: 0 < number < 1000, "millimetres above 0, as 0.5")


def _number(text: str, is_right: Callable[[float], bool], expected: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and is_right(number)):
        raise argparse.ArgumentTypeError(f"{text}: expected {expected}")
    return number


def add_scale(command: argparse.ArgumentParser) -> None:
    """Let a command be given how large a pixel is."""
    command.add_argument("--mm-per-px", type=length, metavar="MM", help="a pixel across the strip (assumed: 0.625)")
    command.add_argument("--mm-per-row", type=length, metavar="MM", help="a row along it (default: as a pixel across)")


def scale(given: argparse.Namespace) -> Scale:
    """Return how large a pixel is, as given or assumed."""
    from trainer.assessment.coil import Scale

    if given.mm_per_px is None and given.mm_per_row is None:
        return Scale()
    across, along = given.mm_per_px, given.mm_per_row
    return Scale(across or along, along or across, is_assumed=False)
