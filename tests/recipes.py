"""A real recipe small enough to reason about: dark pixels are `dark` defects, bright ones `bright`.

Its graph keeps the contract of every recipe (frames and thresholds in; labels, confidence, presence out), so the
daemon runs it like any other, and a test can paint a defect and know to the pixel what must be found.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import onnx
import onnx.parser

HEIGHT, WIDTH = 64, 256
SOUND, DARK, BRIGHT = 128, 0, 255
"""Grey levels: probability of `dark` is (100 - grey) / 100, of `bright` (grey - 155) / 100."""

DECIDE = """\
    presence = ReduceMax<keepdims = 0>(p, plane)
    t = Reshape(thresholds, column)
    reached = GreaterOrEqual(p, t)
    counted = Where(reached, p, zero)
    best = ReduceMax<keepdims = 0>(counted, channel)
    which = ArgMax<axis = 1, keepdims = 0>(counted)
    which_f = Cast<to = 1>(which)
    class_id = Add(which_f, one)
    any = Greater(best, zero)
    label = Where(any, class_id, zero)
    labels = Cast<to = 2>(label)
    scaled = Mul(best, full)
    rounded = Round(scaled)
    confidence = Cast<to = 2>(rounded)
"""
"""How every recipe's graph ends: probabilities `p` (N, C, H, W) against thresholds; `column` is their shape there."""

GRAPH = """
<ir_version: 10, opset_import: ["" : 20]>
thresholding (uint8[n, {h}, {w}] frames, float[2] thresholds)
    => (uint8[n, {h}, {w}] labels, uint8[n, {h}, {w}] confidence, float[n, 2] presence)
<float zero = {{0.0}}, float one = {{1.0}}, float hundred = {{100.0}}, float knee = {{155.0}}, float full = {{255.0}},
 int64[1] channel = {{1}}, int64[2] plane = {{2, 3}}, int64[4] column = {{1, 2, 1, 1}}>
{{
    grey = Cast<to = 1>(frames)
    below = Sub(hundred, grey)
    dark_raw = Div(below, hundred)
    dark = Clip(dark_raw, zero, one)
    above = Sub(grey, knee)
    bright_raw = Div(above, hundred)
    bright = Clip(bright_raw, zero, one)
    dark4 = Unsqueeze(dark, channel)
    bright4 = Unsqueeze(bright, channel)
    p = Concat<axis = 1>(dark4, bright4)
{decide}}}
"""


def write_recipe(
    folder: Path,
    name: str = "tiny",
    threshold: float = 0.5,
    min_area_mm2: float = 4.0,
    size: tuple[int, int] = (HEIGHT, WIDTH),
) -> Path:
    """Write the recipe folder and return it; `size` is rows and columns."""
    model = onnx.parser.parse_model(GRAPH.format(h=size[0], w=size[1], decide=DECIDE))
    onnx.checker.check_model(model)
    names, made = ("dark", "bright"), model.SerializeToString()
    return write_folder(folder, made, name, names, size, threshold=threshold, min_area_mm2=min_area_mm2)


def renew(folder: Path, version: int) -> None:
    """Give a recipe another version, in one step: a reload that comes meanwhile reads one of the two."""
    card = folder / "recipe.toml"
    text = re.sub(r'^version = "\d+"', f'version = "{version}"', card.read_text(), flags=re.MULTILINE)
    (unfinished := card.with_suffix(".new")).write_text(text)
    unfinished.rename(card)


def write_folder(
    folder: Path,
    model: bytes,
    name: str,
    classes: Sequence[str],
    size: tuple[int, int],
    *,
    precision: str = "fp32",
    threshold: float = 0.5,
    min_area_mm2: float = 4.0,
) -> Path:
    """Write a model and the card that describes it; `size` is rows and columns."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model)
    kinds = "".join(
        f'[[class]]\nid = {i}\nname = "{kind}"\nthreshold = {threshold}\nmin_area_mm2 = {min_area_mm2}\n'
        for i, kind in enumerate(classes, 1)
    )
    (folder / "recipe.toml").write_text(
        f'name = "{name}"\nversion = "1"\ncreated = "2026-11-22"\nencoder = "threshold"\nprecision = "{precision}"\n'
        f'sha256 = "{hashlib.sha256(model).hexdigest()}"\nheight = {size[0]}\nwidth = {size[1]}\n'
        f'trained_on = "nothing: dark and bright pixels are defects"\n{kinds}'
    )
    return folder
