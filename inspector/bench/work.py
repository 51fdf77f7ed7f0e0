"""How many operations a frame costs: counted from the graph, whatever the engine makes of it.

Counts convolutions (plain, grouped, transposed) and matrix products, a multiplication and an addition as two. The rest
(activations, resizing, softmax) is left out, as is usual.
"""

from __future__ import annotations

from functools import cache
from math import prod

import openvino as ov

from inspector.records.recipe import Recipe

COUNTED = ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul")


@cache
def core() -> ov.Core:
    """Return the bench's own OpenVINO; one for the life of the process (see `inspector.engines.openvino`)."""
    return ov.Core()


def gflop_per_frame(recipe: Recipe, model: bytes) -> float:
    """Count 10^9 operations for one frame of the recipe's size."""
    graph = core().read_model(model)
    graph.reshape({"frames": [1, recipe.height, recipe.width]})
    return sum(map(_flop, graph.get_ordered_ops())) / 1e9


def _flop(op: ov.Node) -> int:
    kind = op.get_type_name()
    if kind not in COUNTED:
        return 0
    out, first, second = (tuple[int, ...](port.shape) for port in (op.output(0), op.input_value(0), op.input_value(1)))
    if kind == "Convolution":  # weights (out, in, *kernel)
        return 2 * prod(out) * prod(second[1:])
    if kind == "GroupConvolution":  # weights (groups, out, in, *kernel)
        return 2 * prod(out) * prod(second[2:])
    if kind == "ConvolutionBackpropData":  # transposed: weights (in, out, *kernel)
        return 2 * prod(first) * prod(second[1:])
    turned = op.get_attributes()["transpose_a"] and len(first) > 1
    return 2 * prod(out) * first[-2 if turned else -1]
