"""Folding Q/DQ pairs away."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from deploy.fold import fold, is_quantised


def quantised() -> onnx.ModelProto:
    """A convolution in INT8: per-tensor activations, per-channel weights, int32 bias."""
    generator = np.random.default_rng(0)
    weights = generator.integers(-127, 128, (3, 2, 3, 3), dtype=np.int8)
    constants = {
        "x_scale": np.float32(0.5),
        "x_zero": np.int8(0),
        "w": weights,
        "w_scale": np.array([0.01, 0.02, 0.03], np.float32),
        "w_zero": np.zeros(3, np.int8),
        "b": np.array([10, -20, 30], np.int32),
        "b_scale": np.array([0.005, 0.01, 0.015], np.float32),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "x_scale", "x_zero"], ["x_q"]),
        helper.make_node("DequantizeLinear", ["x_q", "x_scale", "x_zero"], ["x_dq"]),
        helper.make_node("DequantizeLinear", ["w", "w_scale", "w_zero"], ["w_dq"], axis=0),
        helper.make_node("DequantizeLinear", ["b", "b_scale"], ["b_dq"], axis=0),
        helper.make_node("Conv", ["x_dq", "w_dq", "b_dq"], ["y"], pads=[1, 1, 1, 1]),
    ]
    graph = helper.make_graph(
        nodes,
        "conv",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 8, 8])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_a_folded_graph_computes_what_the_quantised_one_does_on_its_grid() -> None:
    """On inputs that INT8 holds exactly, folding changes nothing but the arithmetic's type."""
    model = quantised()
    folded = fold(model)
    x = np.random.default_rng(1).integers(-127, 128, (1, 2, 8, 8)).astype(np.float32) * 0.5
    (before,), (after,) = (list(ReferenceEvaluator(graph).run(None, {"x": x})) for graph in (model, folded))
    np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-4)
    assert [node.op_type for node in folded.graph.node] == ["Conv"]


def test_folding_leaves_no_constant_unused_and_the_original_untouched() -> None:
    """The folded file holds only what it needs."""
    model = quantised()
    folded = fold(model)
    assert is_quantised(model) and not is_quantised(folded)
    assert {tensor.name for tensor in folded.graph.initializer} == {"w_dq", "b_dq"}


def test_a_float_graph_is_its_own_fold() -> None:
    """Folding twice is folding once."""
    folded = fold(quantised())
    assert fold(folded) == folded


def test_a_computed_scale_is_refused_by_name() -> None:
    """Dynamic quantisation cannot be folded, and is not folded wrongly."""
    model = quantised()
    model.graph.node[2].input[1] = "x"
    with pytest.raises(ValueError, match="scale or zero point is computed"):
        fold(model)
