"""How far a frame is from those that a recipe was taught on: measured inside its graph, on the encoder's features.

Each of the decoder's inputs from the encoder is averaged over the plane, as it is and as a magnitude: one vector a
frame. Frames that were taught span a low-dimensional space of such vectors, with noise around it (probabilistic PCA:
Tipping & Bishop, "Probabilistic Principal Component Analysis", J. R. Statist. Soc. B 61, 1999). The distance is the
root mean of the mean squares within and outside of that space, each in its own deviations. Its unit is the limit: what
all but a few of the taught frames stay below when they are left out of the fit.

Knows ONNX and the deployed graph's names. Must not know runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from inspector.engines.openvino import compile_graph, core
from inspector.records.frame import Bytes2D
from trainer.errors import UserError

Floats = npt.NDArray[np.float64]
LEAST_FRAMES = 20
COMPONENTS = 32
"""Dimensions of the space, at most, and at most a quarter of the frames."""
FOLDS = 5
BEYOND = 0.01
"""Share of the taught frames, left out of the fit, that lies beyond the limit."""
THROUGH = ("QuantizeLinear", "DequantizeLinear", "Resize")
"""What stands between the encoder's features and the convolution that reads them, and changes none of their meaning."""
READERS = (
    ("unet.ups.0.deep.weight", "unet.ups.0.skip.weight", "unet.ups.1.skip.weight", "unet.ups.2.skip.weight"),
    ("screen.lateral.weight", "screen.joined.0.weight", "screen.deep.0.0.weight", "screen.cells.0.0.weight"),
)
"""Weights of the convolutions that read the features, of a U-Net (strides 32, 16, 8 and 4) and of a screen."""
PREFIX = "distance_"
"""Of all that is added to a graph, nodes and constants."""
FEATURES, PRESENCE, CLASSES_ONLY = f"{PREFIX}features", "presence", "presence_of_classes"


class UsualFeatures:
    """What frames that were taught look like to the encoder. Pure."""

    def __init__(self, features: Floats, beyond: float = BEYOND) -> None:
        """`features` (N, D) of the frames; `beyond`: the share of such frames that lies beyond the limit.

        Raises:
            UserError: too few frames to tell what is usual.
        """
        if len(features) < LEAST_FRAMES:
            raise UserError(
                f"{len(features)} frames; expected {LEAST_FRAMES} or more to tell what is usual. Give more."
            )
        self.limit = 1.0
        self._fit(features)
        left_out = np.empty(len(features))
        fold = np.arange(len(features)) % FOLDS
        for number in range(FOLDS):
            rest = object.__new__(UsualFeatures)
            rest.limit = 1.0
            rest._fit(features[fold != number])
            left_out[fold == number] = rest.distances(features[fold == number])
        self.limit = float(np.quantile(left_out, 1 - beyond))

    def _fit(self, features: Floats) -> None:
        count, dimensions = features.shape
        self.mean, self.deviation = features.mean(0), features.std(0) + 1e-6
        components = max(1, min(COMPONENTS, count // 4, dimensions - 1))
        _, singular, axes = np.linalg.svd((features - self.mean) / self.deviation, full_matrices=False)
        variances = singular**2 / (count - 1)
        self.axes: Floats = axes[:components]
        self.variances: Floats = variances[:components]
        self.noise = max(float(variances[components:].sum()) / (dimensions - components), 1e-9)

    def distances(self, features: Floats) -> Floats:
        """Return (N,) distances of features (N, D), in units of the limit."""
        scaled = (features - self.mean) / self.deviation
        within = scaled @ self.axes.T
        outside = (scaled**2).sum(1) - (within**2).sum(1)
        components, dimensions = self.axes.shape
        squares = (within**2 / self.variances).mean(1) + outside / ((dimensions - components) * self.noise)
        found: Floats = np.sqrt(np.maximum(squares / 2, 0)) / self.limit
        return found


def without_distance(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a deployed graph as it was before `with_distance`; of one without a distance, just a copy."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    if not any(FEATURES in node.output for node in graph.node):
        return copy
    kept = [node for node in graph.node if not node.name.startswith(PREFIX)]
    for node in kept:
        node.output[:] = [PRESENCE if name == CLASSES_ONLY else name for name in node.output]
    constants = [tensor for tensor in graph.initializer if not tensor.name.startswith(PREFIX)]
    for part, rest in ((graph.node, kept), (graph.initializer, constants)):
        del part[:]
        part.extend(rest)
    for output in graph.output:
        if output.name == PRESENCE:
            output.type.tensor_type.shape.dim[1].dim_value -= 1
    return copy


def with_features(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a deployed graph that puts out its features (N, D) float32 instead of a distance.

    Raises:
        UserError: a graph that this trainer did not write.
    """
    copy = without_distance(model)
    graph = copy.graph
    made = {output: node for node in graph.node for output in node.output}
    found = [list(_features(graph, made, readers)) for readers in READERS]
    tensors = max(found, key=len)
    if len(tensors) != len(READERS[0]):
        raise UserError(
            f"{len(tensors)} of the encoder's features were found; expected {len(READERS[0])}. Is it another tool's "
            "graph?"
        )
    graph.initializer.append(numpy_helper.from_array(np.array([2, 3], np.int64), "distance_plane"))
    pooled: list[str] = []
    for number, tensor in enumerate(tensors):
        for name, source in (("mean", tensor), ("size", f"distance_abs_{number}")):
            if name == "size":
                graph.node.append(helper.make_node("Abs", [tensor], [source], f"distance_abs_{number}"))
            pooled.append(f"distance_{name}_{number}")
            graph.node.append(
                helper.make_node("ReduceMean", [source, "distance_plane"], pooled[-1:], pooled[-1], keepdims=0)
            )
    graph.node.append(helper.make_node("Concat", pooled, [FEATURES], FEATURES, axis=1))
    graph.output.append(helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["N", None]))
    return copy


def _features(graph: onnx.GraphProto, made: dict[str, onnx.NodeProto], readers: tuple[str, ...]) -> Iterator[str]:
    """Yield the float tensors that these convolutions read."""
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        weight = node.input[1]
        if weight in made:
            weight = made[weight].input[0]
        if weight.removesuffix("_quantized") in readers:
            tensor = node.input[0]
            while tensor in made and made[tensor].op_type in THROUGH:
                tensor = made[tensor].input[0]
            yield tensor


class FeatureGraph:
    """A deployed graph that is asked for its features alone."""

    def __init__(self, model: onnx.ModelProto, classes: int) -> None:
        """Compile a graph for `classes` classes.

        Raises:
            UserError: as `with_features`.
        """
        graph = core().read_model(with_features(model).SerializeToString())
        self._request = compile_graph(graph).create_infer_request()
        self._thresholds = np.full(classes, 0.5, np.float32)

    def features(self, frames: Iterable[Bytes2D]) -> Floats:
        """Return the features (N, D) of frames (H, W) uint8, as the deployed graph computes them."""
        found = []
        for pixels in frames:
            self._request.infer({"frames": np.ascontiguousarray(pixels[None]), "thresholds": self._thresholds})
            found.append(self._request.get_tensor(FEATURES).data[0].astype(np.float64))
        return np.array(found)


def with_distance(model: onnx.ModelProto, taught: UsualFeatures) -> onnx.ModelProto:
    """Return a copy of a deployed graph whose presence (N, C) has the distance as one more column.

    Raises:
        UserError: as `with_features`.
    """
    made = with_features(model)
    graph = made.graph
    del graph.output[-1]
    for node in graph.node:
        node.output[:] = [CLASSES_ONLY if name == PRESENCE else name for name in node.output]
    components, dimensions = taught.axes.shape
    constants = {
        "mean": taught.mean,
        "deviation": taught.deviation,
        "axes": taught.axes.T,
        "within": 1 / (2 * components * taught.variances * taught.limit**2),
        "outside": np.array([1 / (2 * (dimensions - components) * taught.noise * taught.limit**2)]),
        "zero": np.array([0.0]),
    }
    for name, value in constants.items():
        graph.initializer.append(numpy_helper.from_array(value.astype(np.float32), f"distance_{name}"))
    graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "distance_columns"))

    def add(kind: str, output: str, *inputs: str) -> str:
        name = f"distance_{output}"
        graph.node.append(helper.make_node(kind, list(inputs), [name], name))
        return name

    scaled = add("Div", "scaled", add("Sub", "centred", FEATURES, "distance_mean"), "distance_deviation")
    inside = add("MatMul", "inside", scaled, "distance_axes")
    inside_squares = add("Mul", "inside_squares", inside, inside)
    squares = add("Mul", "squares", scaled, scaled)

    def total(name: str, tensor: str) -> str:
        return add("ReduceSum", name, tensor, "distance_columns")

    beyond = add("Sub", "beyond", total("all", squares), total("inside_all", inside_squares))
    within = total("weighed", add("Mul", "weighed_squares", inside_squares, "distance_within"))
    both = add("Add", "both", within, add("Mul", "outside_share", beyond, "distance_outside"))
    distance = add("Sqrt", "root", add("Max", "positive", both, "distance_zero"))
    graph.node.append(helper.make_node("Concat", [CLASSES_ONLY, distance], [PRESENCE], "distance_column", axis=1))
    for output in graph.output:
        if output.name == PRESENCE:
            output.type.tensor_type.shape.dim[1].dim_value += 1
    onnx.checker.check_model(made, full_check=True)
    return made
