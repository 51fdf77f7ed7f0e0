"""fp16 with fp32 islands."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from deploy.half import halve

GRAPH = """
<ir_version: 10, opset_import: ["" : 20]>
network (uint8[n, 8, 8] frames, float[2] thresholds) => (float[n, 2, 16, 16] reached, float[n, 2] presence)
<float mean = {100.0}, float zero = {0.0}, int64[1] channel = {1}, int64[2] plane = {2, 3},
 int64[4] column = {1, 2, 1, 1}, float[4] twice = {1.0, 1.0, 2.0, 2.0}>
{
    grey = Cast<to = 1>(frames)
    normal = Sub(grey, mean)
    x = Unsqueeze(normal, channel)
    first = Conv<pads = [1, 1, 1, 1]>(x, w1, b1)
    active = Relu(first)
    large = Resize<mode = "nearest", coordinate_transformation_mode = "asymmetric">(active, , twice)
    scaled = Mul(large, w3)
    logits = Conv<pads = [1, 1, 1, 1]>(scaled, w2, b2)
    p = Softmax<axis = 1>(logits)
    presence = ReduceMax<keepdims = 0>(p, plane)
    t = Reshape(thresholds, column)
    enough = GreaterOrEqual(p, t)
    reached = Where(enough, p, zero)
}
"""


def network() -> onnx.ModelProto:
    """Two convolutions with what a recipe's graph has around them."""
    generator = np.random.default_rng(0)
    weights: dict[str, NDArray[np.float64]] = {
        "w1": generator.normal(0, 0.01, (3, 1, 3, 3)),
        "b1": generator.normal(0, 0.1, 3),
        "w2": generator.normal(0, 0.2, (2, 3, 3, 3)),
        "b2": generator.normal(0, 0.1, 2),
        "w3": generator.normal(1, 0.1, (1, 3, 1, 1)),
    }
    model = onnx.parser.parse_model(GRAPH)
    model.graph.initializer.extend(numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items())
    onnx.checker.check_model(model, full_check=True)
    return model


def types(model: onnx.ModelProto) -> dict[str, int]:
    """Element type of every tensor that a node makes, and of every constant."""
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    made = {value.name: value.type.tensor_type.elem_type for value in [*graph.value_info, *graph.output]}
    return made | {tensor.name: tensor.data_type for tensor in graph.initializer}


def test_the_network_computes_in_half_and_its_surroundings_do_not() -> None:
    """fp16 from the first convolution to the last, weights and all; fp32 before and after, and in Resize's scales."""
    found = types(halve(network()))
    half = {name for name, kind in found.items() if kind == TensorProto.FLOAT16}
    weights = {"w1_fp16", "b1_fp16", "w2_fp16", "b2_fp16", "w3_fp16"}
    assert half == {"x_fp16", "first", "active", "large", "scaled", "logits"} | weights
    assert {found[name] for name in ("normal", "x", "logits_fp32", "p", "presence", "reached", "twice")} == {
        TensorProto.FLOAT
    }


def test_each_weight_is_there_once() -> None:
    """No fp32 twin of an fp16 weight makes the file larger."""
    assert not {"w1", "b1", "w2", "b2", "w3"} & {tensor.name for tensor in halve(network()).graph.initializer}


def test_it_computes_the_same_but_for_rounding() -> None:
    """Probabilities agree to a few fp16 steps, and inputs and outputs have the types they had."""
    model = network()
    halved = halve(model)
    assert (list(halved.graph.input), list(halved.graph.output)) == (list(model.graph.input), list(model.graph.output))
    frames = np.random.default_rng(1).integers(0, 256, (2, 8, 8), np.uint8)
    inputs = {"frames": frames, "thresholds": np.array([0.1, 0.1], np.float32)}
    for before, after in zip(*(ReferenceEvaluator(graph).run(None, inputs) for graph in (model, halved)), strict=True):
        assert after.dtype == np.float32
        np.testing.assert_allclose(after, before, atol=5e-3)


def test_the_original_is_untouched() -> None:
    """Halving returns a copy."""
    model = network()
    halve(model)
    assert model == network()


def test_a_weight_beyond_half_is_refused_by_name() -> None:
    """Infinity is no weight."""
    model = network()
    (place,) = (i for i, tensor in enumerate(model.graph.initializer) if tensor.name == "b1")
    model.graph.initializer[place].CopyFrom(numpy_helper.from_array(np.array([0, 7e4, 0], np.float32), "b1"))
    with pytest.raises(ValueError, match=r"weight b1 reaches 7e\+04; fp16 ends at 65504"):
        halve(model)


def test_a_graph_without_convolutions_is_refused() -> None:
    """What would stay fp32 from end to end is not called fp16."""
    model = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 20]> g (float[2] x) => (float[2] y) { y = Relu(x) }'
    )
    with pytest.raises(ValueError, match="no convolution"):
        halve(model)


def test_a_quantised_graph_is_refused() -> None:
    """Q/DQ pairs and fp16 do not mix here: they are folded first."""
    model = network()
    model.graph.node.append(helper.make_node("DequantizeLinear", ["q", "s"], ["unused"]))
    with pytest.raises(ValueError, match="Fold its Q/DQ pairs first"):
        halve(model)
