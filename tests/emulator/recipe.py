"""A small INT8 recipe of procedural steel's four classes: one quantised convolution that calls dark pixels defects.

It finds next to nothing rightly. It has what converting, proving and running an engine ask of a recipe, and is fast.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
from onnx import numpy_helper

from inspector.simulator.sheet import CLASSES
from tests.recipes import DECIDE, write_folder

HEIGHT, WIDTH = 64, 256
GREY = 1 / 127
SLOPES, OFFSETS = (-4.0, -5.0, -6.0, -7.0), (1.2, 1.2, 1.2, 1.2)
"""Of each class: probability = slope * grey + offset, grey and probability from 0 to 1."""

GRAPH = """
<ir_version: 10, opset_import: ["" : 20]>
dark_steel (uint8[n, {h}, {w}] frames, float[4] thresholds)
    => (uint8[n, {h}, {w}] labels, uint8[n, {h}, {w}] confidence, float[n, 4] presence)
<float zero = {{0.0}}, float one = {{1.0}}, float full = {{255.0}}, int8 middle = {{0}},
 int64[1] channel = {{1}}, int64[2] plane = {{2, 3}}, int64[4] column = {{1, 4, 1, 1}}>
{{
    bytes = Cast<to = 1>(frames)
    bytes4 = Unsqueeze(bytes, channel)
    grey = Div(bytes4, full)
    grey_q = QuantizeLinear(grey, grey_scale, middle)
    grey_dq = DequantizeLinear(grey_q, grey_scale, middle)
    w_dq = DequantizeLinear<axis = 0>(w, w_scale, w_zero)
    b_dq = DequantizeLinear<axis = 0>(b, b_scale)
    raw = Conv(grey_dq, w_dq, b_dq)
    p = Clip(raw, zero, one)
{decide}}}
"""


def write(folder: Path) -> Path:
    """Write the recipe folder and return it."""
    model = onnx.parser.parse_model(GRAPH.format(h=HEIGHT, w=WIDTH, decide=DECIDE))
    scale = np.abs(np.array(SLOPES, np.float32)) / 127
    constants = {
        "grey_scale": np.float32(GREY),
        "w": np.sign(SLOPES).astype(np.int8).reshape(4, 1, 1, 1) * np.int8(127),
        "w_scale": scale,
        "w_zero": np.zeros(4, np.int8),
        "b": np.round(np.array(OFFSETS, np.float32) / (GREY * scale)).astype(np.int32),
        "b_scale": (GREY * scale).astype(np.float32),
    }
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    )
    onnx.checker.check_model(model)
    return write_folder(folder, model.SerializeToString(), "dark-steel", CLASSES, (HEIGHT, WIDTH), precision="int8")
