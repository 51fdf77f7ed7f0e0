"""8-bit weights whose products fit 16 bits, for processors that add them there (x86 without VNNI).

Their `vpmaddubsw` multiplies two activations of 0 to 255 by two weights of -127 to 127, and adds both products with
saturation: up to 64 770, where 16 bits end at 32 767. OpenVINO's kernels take the two from neighbouring input channels.
Where such a pair can be too large, the weights of its output channel become smaller and their scale as much larger:
up to a bit of precision goes, instead of whole sums (LOG.md: steel-fast had a third of its strip wrong).

Knows: OpenVINO's graphs. Must not know: which processor this is.
"""

from __future__ import annotations

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as operations

HIGHEST_ACTIVATION, LARGEST_SUM = 255, 2**15 - 1
FITS = LARGEST_SUM // HIGHEST_ACTIVATION
"""Two weights of one sign may have this sum, 128."""
CHANGES_NOTHING = ("Reshape", "Convert")


def fit(graph: ov.Model) -> int:
    """Change the 8-bit weights of a graph so that no pair of products saturates; return how many output channels.

    Weights that are not symmetric (with a zero point) are left alone: the trainer writes none.
    """
    return sum(_fit(node) for node in graph.get_ordered_ops() if node.get_type_name() == "Convolution")


def _fit(convolution: ov.Node) -> int:
    node, scaled = convolution.input_value(1).get_node(), None
    while (kind := node.get_type_name()) in (*CHANGES_NOTHING, "Multiply", "Subtract"):
        if kind == "Subtract" and _has_values(node.input_value(1)):
            return 0
        scaled = node if kind == "Multiply" else scaled
        node = node.input_value(0).get_node()
    if node.get_type_name() != "Constant" or node.get_element_type() != ov.Type.i8 or scaled is None:
        return 0
    weights = node.data
    factors = divisors(weights)
    by_channel = factors.reshape(-1, *[1] * (weights.ndim - 1))
    smaller = operations.constant(np.rint(weights / by_channel).astype(np.int8))
    node.output(0).replace(smaller.output(0))
    larger = operations.multiply(scaled.input_value(1), operations.constant(by_channel))
    scaled.input(1).replace_source_output(larger.output(0))
    return int(np.count_nonzero(factors > 1))


def _has_values(value: ov.Output) -> bool:
    node = value.get_node()
    while node.get_type_name() in CHANGES_NOTHING:
        node = node.input_value(0).get_node()
    return node.get_type_name() != "Constant" or bool(np.any(node.data))


def divisors(weights: NDArray[np.int8]) -> NDArray[np.float32]:
    """By how much to divide the weights (O, I, ...) of each output channel: 1 where every pair fits as it is.

    Rounding adds at most 1 to the sum of a pair.
    """
    outputs, inputs = weights.shape[:2]
    paired = np.zeros((outputs, inputs + inputs % 2, *weights.shape[2:]), np.int32)
    paired[:, :inputs] = weights
    paired = paired.reshape(outputs, -1, 2, *weights.shape[2:])
    sums = [np.abs(part.sum(2)).reshape(outputs, -1).max(1) for part in (paired.clip(min=0), paired.clip(max=0))]
    largest = np.maximum(*sums)
    return np.where(largest > FITS, largest / (FITS - 1), 1.0).astype(np.float32)
