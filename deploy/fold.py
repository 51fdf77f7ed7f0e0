"""An INT8 graph made a float one again: its QuantizeLinear / DequantizeLinear pairs folded away.

What remains computes with the same (rounded) weights in float, so it is the fair fp32 twin for benches, and the
source of fp16 and fp32 engines when a recipe ships only its INT8 graph.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

QUANTIZE, DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"


def fold(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of `model` without Q/DQ nodes: constants dequantised, activations passed through.

    Raises: ValueError for a quantisation that has no constant scale.
    """
    folded = onnx.ModelProto()
    folded.CopyFrom(model)
    graph = folded.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    renamed: dict[str, str] = {}
    kept: list[onnx.NodeProto] = []
    for node in graph.node:
        source = renamed.get(node.input[0], node.input[0]) if node.input else ""
        if node.op_type == DEQUANTIZE and source in constants:
            constants[node.output[0]] = numpy_helper.from_array(_dequantised(node, constants), node.output[0])
        elif node.op_type in (QUANTIZE, DEQUANTIZE):
            renamed[node.output[0]] = source
        else:
            kept.append(node)
    outputs = {output.name for output in graph.output}
    if renamed.keys() & outputs:
        raise ValueError(
            f"graph output {sorted(renamed.keys() & outputs)} is quantised; expected float or uint8 outputs"
        )
    for node in kept:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    used = {name for node in kept for name in node.input}
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(kept)
    graph.initializer.extend(tensor for name, tensor in constants.items() if name in used)
    onnx.checker.check_model(folded)
    return folded


def is_quantised(model: onnx.ModelProto) -> bool:
    """Whether the graph holds Q/DQ pairs."""
    return any(node.op_type == DEQUANTIZE for node in model.graph.node)


def _dequantised(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> NDArray[np.float32]:
    """(q - zero point) * scale, per tensor or per channel (ONNX operator specification, DequantizeLinear)."""
    if any(name not in constants for name in node.input):
        raise ValueError(f"{node.name}: its scale or zero point is computed; expected constants")
    values, scale = (numpy_helper.to_array(constants[name]).astype(np.float32) for name in node.input[:2])
    zero = numpy_helper.to_array(constants[node.input[2]]).astype(np.float32) if len(node.input) > 2 else np.float32(0)
    if scale.ndim == 1:
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
        shape = [1] * values.ndim
        shape[axis] = -1
        scale = scale.reshape(shape)
        zero = zero.reshape(shape) if zero.ndim else zero
    result: NDArray[np.float32] = (values - zero) * scale
    return result
