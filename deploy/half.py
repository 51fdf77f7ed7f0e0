"""A float graph made an fp16 one with fp32 islands: TensorRT takes precision from the graph and from nothing else.

What lies between the first and the last convolution computes in fp16, with its weights; what comes before (the bytes'
normalisation) and after (enlarging the logits, softmax, thresholds) stays fp32. Explicit Casts stand where they meet.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from deploy.fold import is_quantised

NOT_DATA = {("Resize", 1), ("Resize", 2)}
"""Inputs that ONNX wants in fp32 whatever the data is: (operator, place)."""


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of `model` that computes its network in fp16; inputs and outputs are as they were.

    Raises: ValueError for a graph without convolutions, with Q/DQ pairs, or with a weight beyond fp16.
    """
    if is_quantised(model):
        raise ValueError("its graph is quantised; expected a float one. Fold its Q/DQ pairs first")
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    graph = halved.graph
    floats = _float_tensors(model)
    weights = {tensor.name: tensor for tensor in graph.initializer}
    network = _between_convolutions(graph)
    nodes: dict[str, onnx.NodeProto] = {}
    for node in graph.node:
        in_network = node.output[0] in network
        for place, name in enumerate(node.input):
            if name not in floats or (name in network) == in_network or (node.op_type, place) in NOT_DATA:
                continue
            node.input[place] = cast = f"{name}_{'fp16' if in_network else 'fp32'}"
            if name in weights:
                weights[cast] = _half(weights[name], cast)
            else:
                to = TensorProto.FLOAT16 if in_network else TensorProto.FLOAT
                nodes[cast] = helper.make_node("Cast", [name], [cast], name=f"cast_{cast}", to=to)
        nodes[node.output[0]] = node
    used = {name for node in nodes.values() for name in node.input}
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes.values())
    graph.initializer.extend(tensor for name, tensor in weights.items() if name in used)
    onnx.checker.check_model(halved, full_check=True)
    return halved


def _between_convolutions(graph: onnx.GraphProto) -> set[str]:
    """Return names of the tensors that convolutions make, and that are made on a way from one to another.

    Raises: ValueError when there is no convolution.
    """
    after: set[str] = set()
    before: set[str] = set()
    for node in graph.node:
        if node.op_type == "Conv" or after.intersection(node.input):
            after.update(node.output)
    for node in reversed(graph.node):
        if node.op_type == "Conv" or before.intersection(node.output):
            before.update(node.input, node.output)
    made = {name for node in graph.node for name in node.output} & after & before
    if not made:
        raise ValueError("its graph has no convolution; expected a network to compute in fp16")
    return made


def _float_tensors(model: onnx.ModelProto) -> set[str]:
    """Return names of all fp32 tensors of a graph."""
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    values = [*graph.value_info, *graph.input, *graph.output]
    names = {value.name for value in values if value.type.tensor_type.elem_type == TensorProto.FLOAT}
    return names | {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT}


def _half(weight: onnx.TensorProto, name: str) -> onnx.TensorProto:
    values = numpy_helper.to_array(weight)
    limit = np.finfo(np.float16).max
    if np.abs(values).max(initial=0) > limit:
        raise ValueError(f"weight {weight.name} reaches {np.abs(values).max():.3g}; fp16 ends at {limit}. Ask for fp32")
    return numpy_helper.from_array(values.astype(np.float16), name)
