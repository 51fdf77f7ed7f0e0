"""A recipe like the tests' tiny one, whose network takes its time for frames that ask for it by their first pixel."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx.parser

from tests.recipes import DECIDE, GRAPH, HEIGHT, WIDTH, write_folder

SLOW, ENDLESS = 76, 77
"""Grey levels of a frame's first pixel: so that a queue forms behind it; so that it never ends."""

SPIN = """
    first = Slice(grey, corner, corner_end, axes)
    is_slow = Equal(first, slow_grey)
    is_endless = Equal(first, endless_grey)
    slow_count = Cast<to = 7>(is_slow)
    endless_count = Cast<to = 7>(is_endless)
    slow_rounds = Mul(slow_count, slow)
    endless_rounds = Mul(endless_count, endless)
    all_rounds = Add(slow_rounds, endless_rounds)
    rounds = ReduceSum<keepdims = 0>(all_rounds)
    spun = Loop(rounds, yes, zero) <body = spin (int64 round, bool on, float last) => (bool still, float next) {{
        still = Identity(on)
        next = Sin(last)
    }}>
    below_raw = Sub(hundred, grey)
    below = Add(below_raw, spun)
"""


def write_recipe(folder: Path, slow_rounds: int = 100_000) -> Path:
    """Write the recipe folder and return it; `slow_rounds` is what a slow frame costs."""
    constants = (
        f"int64 slow = {{{{{slow_rounds}}}}}, int64 endless = {{{{{2**40}}}}}, bool yes = {{{{1}}}},"
        f" float slow_grey = {{{{{SLOW}.0}}}}, float endless_grey = {{{{{ENDLESS}.0}}}},"
        f" int64[3] corner = {{{{0, 0, 0}}}}, int64[3] corner_end = {{{{{2**31}, 1, 1}}}},"
        " int64[3] axes = {{0, 1, 2}},"
    )
    text = GRAPH.replace("<float zero", f"<{constants} float zero")
    text = text.replace("    below = Sub(hundred, grey)\n", SPIN)
    model = onnx.parser.parse_model(text.format(h=HEIGHT, w=WIDTH, decide=DECIDE))
    onnx.checker.check_model(model)
    return write_folder(folder, model.SerializeToString(), "heavy", ("dark", "bright"), (HEIGHT, WIDTH))
