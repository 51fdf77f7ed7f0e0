"""Options and kinds of values that several commands share."""

from __future__ import annotations

import argparse

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
