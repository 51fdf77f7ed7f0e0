"""An older recipe's confidence as log-odds: the end of its graph exchanged, its thresholds carried over.

Labels and presence stay what they were, bit for bit. Knows ONNX and the deployed graph's shape. Must not know runs.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inspector import recipe
from inspector.records.confidence import EVEN, LEAST, LEAST_PROBABILITY, MOST, PER_UNIT, encode, probabilities
from inspector.records.recipe import Recipe
from trainer.errors import UserError
from trainer.recipe.export import write_recipe
from trainer.recipe.standing import STRIP_SCORES

CHAIN = ("Cast", "Clip", "Round", "Mul", "Squeeze")
"""From the output back: how this trainer wrote 255 p."""


def recode(folder: Path, say: Callable[[str], object] = print) -> Recipe:
    """Rewrite a recipe; what its thresholds let through stays the same but for the rounding of a code.

    What was fitted to the codes of before goes, and `say` gets what does it again.

    Raises: RecipeError; UserError for a recipe that writes log-odds already or asks for probabilities, or another
        tool's graph.
    """
    card, model = recipe.load(folder)
    if card.confidence == "log_odds":
        raise UserError(f"{folder}: its confidences are log-odds already; nothing to do")
    if any(kind.min_probability for kind in card.classes):
        raise UserError(
            f"{folder}: its min_probability was chosen by confidences of 255 p; expected none. Set it to 0, and "
            "`trainer tune` the recipe when it is rewritten"
        )
    made = with_log_odds(onnx.load_from_string(model)).SerializeToString()
    classes = [
        msgspec.structs.replace(kind, min_confidence=carried_over(kind.min_confidence), certainty=None)
        for kind in card.classes
    ]
    gone = f"warning: {folder}: fitted to confidences of 255 p, its"
    if any(kind.certainty for kind in card.classes):
        say(f"{gone} defects' probabilities are gone: run `trainer tune-certainty` again")
    if card.screen:
        say(f"{gone} permission for a screen is gone: run `trainer tune-screen` again")
    fields = msgspec.to_builtins(card) | {
        "sha256": hashlib.sha256(made).hexdigest(),
        "confidence": "log_odds",
        "class": msgspec.to_builtins(classes),
        "screen": None,
        "scores": {name: value for name, value in card.scores.items() if not _is_of_certainty(name)},
    }
    return write_recipe(folder, made, fields)


def _is_of_certainty(score: str) -> bool:
    """Whether a score says what defects' probabilities were worth."""
    return score.startswith(STRIP_SCORES) and "_calibration_error" in score


def carried_over(min_confidence: float) -> float:
    """Return the least confidence that lets through in log-odds what this one did of 255 p, nearest in probability."""
    first = math.ceil(round(min_confidence * 255, 6))
    if first == 0:
        return 0.0
    lowest = (first - 0.5) / 255  # of what was rounded to that code
    code = int(encode(np.array([lowest]), "log_odds")[0])
    between = probabilities("log_odds")[code - 1 : code + 1].mean() if code > 1 else lowest
    return round(float(between), 6)


def with_log_odds(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a deployed graph whose confidence (N, H, W) uint8 is log-odds.

    Raises:
        UserError: a graph that this trainer did not write.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    made = {output: node for node in graph.node for output in node.output}
    tail, tensor = [], "confidence"
    for kind in CHAIN:
        node = made.get(tensor)
        if node is None or node.op_type != kind:
            raise _foreign(tensor, kind)
        tail.append(node)
        tensor = node.input[0]
    highest, axis = tensor, tail[-1].input[1]
    classes, reached, ranks, rank = _rivals(graph, made, highest)
    shares = made[classes].input[0]
    for node in tail:
        graph.node.remove(node)

    def add(kind: str, name: str, *inputs: str) -> str:
        graph.node.append(helper.make_node(kind, list(inputs), [name], f"node_{name}"))
        return name

    def constant(name: str, value: float | list[int]) -> str:
        array = np.array(value, np.int64 if isinstance(value, list) else np.float32)
        graph.initializer.append(numpy_helper.from_array(array, f"odds_constant_{name}"))
        return f"odds_constant_{name}"

    least, none = constant("least_probability", LEAST_PROBABILITY), constant("none", 0.0)
    sound = add("Slice", "odds_sound", shares, constant("from", [0]), constant("to", [1]), axis)
    is_label = add("Equal", "odds_is_label", ranks, add("Unsqueeze", "odds_rank", rank, axis))
    others = add("ReduceSum", "odds_others", add("Where", "odds_rivals", is_label, none, classes), axis)
    rest = add("Max", "odds_rest", add("Add", "odds_lack", others, sound), least)
    odds = add("Div", "odds", add("Max", "odds_highest", highest, least), rest)
    units = add("Mul", "odds_units", add("Log", "odds_log", odds), constant("per_unit", PER_UNIT))
    rounded = add("Round", "odds_rounded", add("Add", "odds_codes", units, constant("even", EVEN)))
    codes = add("Max", "odds_first", rounded, constant("first", LEAST))
    plane = add("Squeeze", "odds_plane", add("Where", "odds_found", reached, codes, none), axis)
    clipped = add("Clip", "odds_clipped", plane, none, constant("last", MOST))
    graph.node.append(helper.make_node("Cast", [clipped], ["confidence"], "node_confidence", to=TensorProto.UINT8))
    onnx.checker.check_model(copy, full_check=True)  # OpenVINO runs what other engines refuse: one name twice
    return copy


def _rivals(graph: onnx.GraphProto, made: dict[str, onnx.NodeProto], highest: str) -> tuple[str, str, str, str]:
    """Return what stands around the highest probability.

    The classes' probabilities, whether any reached its threshold, each class's rank, and that of the label.
    """
    node = made[highest]
    where = made.get(node.input[0])
    if node.op_type != "ReduceMax" or where is None or where.op_type != "Where":
        raise _foreign(highest, "ReduceMax of Where")
    reached = [n.output[0] for n in graph.node if n.op_type == "Greater" and n.input[0] == highest]
    both = [n.output[0] for n in graph.node if n.op_type == "And" and set(reached) & set(n.input)]
    ranked = [n for n in graph.node if n.op_type == "Where" and n.input[0] in both]
    best = [
        n.output[0] for n in graph.node if n.op_type == "ReduceMax" and ranked and n.input[0] == ranked[0].output[0]
    ]
    classes = where.input[1]
    if len(reached) != 1 or len(best) != 1 or classes not in made or made[classes].op_type != "Slice":
        raise _foreign(highest, "Slice, Greater and And")
    return classes, reached[0], ranked[0].input[1], best[0]


def _foreign(tensor: str, kind: str) -> UserError:
    return UserError(
        f"its graph does not make `{tensor}` by {kind}, as `trainer export` did. Export it again with this version."
    )
