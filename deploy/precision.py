"""The graph that an engine of each precision is made from; TensorRT computes in the types that it reads there."""

from __future__ import annotations

import onnx

from deploy.fold import fold, is_quantised
from deploy.half import halve
from inspector.engines.nvidia.manifest import Precision
from inspector.errors import EngineError
from inspector.records.recipe import Recipe


def graph_at(precision: Precision, recipe: Recipe, model: bytes) -> tuple[bytes, bool]:
    """Return a recipe's ONNX at a precision, and whether its Q/DQ pairs were folded away for it.

    int8 is the Q/DQ graph as the recipe has it; fp32 its float twin; fp16 that twin with its network in fp16.

    Raises: EngineError when the recipe cannot be had at that precision.
    """
    graph = onnx.load_from_string(model)
    quantised = is_quantised(graph)
    if precision == "int8":
        if not quantised:
            raise EngineError(
                f"recipe {recipe}: its model is {recipe.precision}, without Q/DQ pairs; expected an int8 one. "
                "Ask for fp16 or fp32, or export the recipe in int8."
            )
        return model, False
    try:
        if quantised:
            graph = fold(graph)
        if precision == "fp16":
            graph = halve(graph)
    except (ValueError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise EngineError(
            f"recipe {recipe}: its model cannot be made {precision}: {error}. Ask for another."
        ) from error
    return graph.SerializeToString(), quantised
