"""The options of `inspector replay`, in groups, and what reads their values.

Knows: text. Must not know: what the values are for.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from inspector.camera.camera import PATIENCE_S
from inspector.images.head import parse_window
from inspector.records.names import COIL_NAME, NAME, SHAPES, CoilName, Name
from inspector.records.recipe import Window
from inspector.simulator.camera_faults import Faults
from inspector.simulator.looks import LOOKS, PLAIN
from inspector.simulator.rolls import RollMark

ACROSS_MM = 500.0
"""Where a roll prints, unless it is named."""
LEAST_PERIOD_MM = 100.0


Arguments = argparse.ArgumentParser | argparse._ArgumentGroup


def add_camera(parser: Arguments) -> None:
    """Declare which camera it is, and whose."""
    add = parser.add_argument
    words = "the inspector's intake.bind (default: %(default)s)"
    add("--connect", default="tcp://127.0.0.1:5555", metavar="ADDRESS", help=words)
    words = "name, as in the inspector's configuration (default: %(default)s)"
    add("--camera", type=name, default="top", metavar="NAME", help=words)
    add("--side", choices=["top", "bottom"], default="top", help="side of the strip (default: %(default)s)")


def add_coils(group: Arguments) -> None:
    """Declare images, and names and lengths of coils."""
    add = group.add_argument
    add("--images", type=Path, metavar="FOLDER", help="images in the order of their names; Severstal's folder as it is")
    add("--pad", action="store_true", help="images smaller than --width x --height get black, right and below")
    add("--window", type=window, metavar="BLACK-WHITE", help="levels of 16-bit images that are black and white")
    words = "names of coils, one after the other (default: C1)"
    add("--coil", type=coil, nargs="+", default=["C1"], metavar="NAME", help=words)
    words = "length of each coil, the last one's for all further ones (the folder once; steel: until Ctrl-C)"
    add("--metres", type=number(above=0), nargs="+", metavar="M", help=words)
    add("--frames", type=whole, nargs="+", metavar="N", help="frames of each coil, instead of --metres")


def add_steel(group: Arguments) -> None:
    """Declare what procedural steel looks like."""
    add, density = group.add_argument, number(at_least=0)
    words = "seed; each next coil adds one (default: %(default)s)"
    add("--seed", type=int, default=1, metavar="N", help=words)
    words = "defects in each metre (default: %(default)s)"
    add("--defects-per-m", type=density, default=1.5, metavar="N", help=words)
    words = "harmless marks in each metre (default: %(default)s)"
    add("--lookalikes-per-m", type=density, default=2.0, metavar="N", help=words)
    words = "look of it: plain, mill (after real frames), or unusual, as floor plate (default: %(default)s)"
    add("--look", choices=list(LOOKS), default=PLAIN, help=words)
    words = "prints of a damaged roll, that far apart (mm), over welds too; ACROSS: where (default: 500)"
    add("--roll-mark", type=mark, action="append", default=[], metavar="PERIOD[@ACROSS]", help=words)


def add_scale(group: Arguments) -> None:
    """Declare where the strip begins, and the size of a frame."""
    add, millimetres = group.add_argument, number(above=0)
    words = "position of the first row (default: %(default)s)"
    add("--start-mm", type=number(at_least=0), default=0.0, metavar="MM", help=words)
    add("--width", type=whole, default=1600, metavar="PX", help="pixels across (default: %(default)s)")
    add("--height", type=whole, default=256, metavar="ROWS", help="rows of a frame (default: %(default)s)")
    words = "millimetres a pixel across (default: %(default)s)"
    add("--mm-per-px", type=millimetres, default=0.625, metavar="MM", help=words)
    words = "millimetres a row along (default: %(default)s)"
    add("--mm-per-row", type=millimetres, default=0.625, metavar="MM", help=words)


def add_sending(group: Arguments) -> None:
    """Declare how frames are sent."""
    add = group.add_argument
    words = "frames a second; 0: as they are taken (default: %(default)s)"
    add("--rate", type=number(at_least=0), default=0.0, metavar="FPS", help=words)
    words = "the inspector's intake.transport (default: %(default)s)"
    add("--transport", choices=["push", "credit"], default="push", help=words)
    words = "give up when no frame is taken for so long (default: %(default)s)"
    add("--patience", type=number(above=0), default=PATIENCE_S, metavar="S", help=words)
    add("--key", type=Path, metavar="FILE", help="this camera's key, where the inspector asks for one")
    words = "encoding of the pixels (default: %(default)s)"
    add("--encoding", choices=["raw8", "jpeg", "png"], default="raw8", help=words)


def add_faults(group: Arguments) -> None:
    """Declare what goes wrong."""
    add = group.add_argument
    words = "frames of the first coil that are never sent, by metres"
    add("--lose", type=stretch, metavar="FROM-TO", help=words)
    words = f"probability of a fault a frame, of {', '.join(Faults().probabilities())}"
    add("--fault", action="append", default=[], metavar="NAME=P", help=words)
    words = "how long a freeze lasts (default: %(default)s)"
    add("--freeze-s", type=number(at_least=0), default=1.0, metavar="S", help=words)
    words = "how long stuck, dark, glare ... last (default: %(default)s)"
    add("--lasting-frames", type=whole, default=100, metavar="N", help=words)
    add("--fault-seed", type=int, default=0, metavar="N", help="seed of the faults (default: %(default)s)")


def add_files(group: Arguments) -> None:
    """Declare what is written in the end."""
    add = group.add_argument
    add("--thumbnail", type=Path, metavar="PNG", help="write what passed, shrunk, to this file at the end")
    words = "write what was planted on procedural steel, and where, to this file"
    add("--planted", type=Path, metavar="CSV", help=words)
    add("--json", action="store_true", help="report what was sent as JSON")


def number(
    *, above: float = -math.inf, at_least: float = -math.inf, at_most: float = math.inf
) -> Callable[[str], float]:
    """Make a reader of finite numbers within limits, for argparse."""

    def read(text: str) -> float:
        value = float(text)
        if not (math.isfinite(value) and value > above and at_least <= value <= at_most):
            least = f" above {above:g}" if above > at_least else f" of at least {at_least:g}" * math.isfinite(at_least)
            most = f", at most {at_most:g}" * math.isfinite(at_most)
            raise argparse.ArgumentTypeError(f"{text}; expected a number{least}{most}")
        return value

    return read


def stretch(text: str) -> tuple[float, float]:
    """Read two metres for argparse.

    Raises: ArgumentTypeError.
    """
    first, _, last = text.partition("-")
    try:
        from_m, to_m = float(first), float(last)
    except ValueError:
        from_m, to_m = 0.0, 0.0
    if not 0 <= from_m < to_m < math.inf:
        raise argparse.ArgumentTypeError(f"{text}; expected two metres, such as 9.5-10.2, the second one the larger")
    return from_m, to_m


def mark(text: str) -> RollMark:
    """Read a roll's mark for argparse.

    Raises: ArgumentTypeError.
    """
    period, _, across = text.partition("@")
    try:
        period_mm, across_mm = float(period), float(across or ACROSS_MM)
    except ValueError:
        period_mm = across_mm = 0.0
    if not (LEAST_PERIOD_MM <= period_mm < math.inf and 0 < across_mm < math.inf):
        raise argparse.ArgumentTypeError(
            f"{text}; expected a distance of at least {LEAST_PERIOD_MM:g} mm, and where across: such as 1257@800"
        )
    return RollMark(period_mm=period_mm, across_mm=across_mm, first_mm=period_mm / 2)


def window(text: str) -> Window:
    """Read levels for argparse.

    Raises: ArgumentTypeError.
    """
    try:
        return parse_window(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def whole(text: str) -> int:
    """Read a whole number of at least 1 for argparse.

    Raises: ArgumentTypeError.
    """
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text}; expected a whole number of at least 1")
    return value


def coil(text: str) -> str:
    """Read a coil's name for argparse.

    Raises: ArgumentTypeError.
    """
    return _named(text, CoilName, COIL_NAME)


def name(text: str) -> str:
    """Read a camera's name for argparse.

    Raises: ArgumentTypeError.
    """
    return _named(text, Name, NAME)


def _named(text: str, kind: Any, pattern: str) -> str:
    try:
        named: str = msgspec.convert(text, kind)
    except msgspec.ValidationError:
        raise argparse.ArgumentTypeError(f"{text!r}; expected 1 to 64 {SHAPES[pattern]}") from None
    return named
