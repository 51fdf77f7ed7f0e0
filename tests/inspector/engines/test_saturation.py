"""8-bit weights on processors that add products of bytes in 16 bits: nothing saturates, and maps stay what they are."""

from pathlib import Path

import numpy as np
import onnxruntime
import openvino
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from inspector import recipe
from inspector.engines import processor, saturation
from inspector.engines.openvino import compile_graph, core
from inspector.simulator.sheet import Sheet


def worst(weights: np.ndarray) -> int:
    """The largest sum of two neighbouring channels' products, of 255 by weights of one sign."""
    even, odd = weights[:, ::2].astype(int), weights[:, 1::2].astype(int)
    odd = np.concatenate([odd, np.zeros_like(even[:, odd.shape[1] :])], axis=1)
    return 255 * int(max(((sign * even).clip(0) + (sign * odd).clip(0)).max() for sign in (1, -1)))


@given(arrays.arrays(np.int8, st.tuples(st.just(2), st.integers(1, 5), st.just(1)), elements=st.integers(-127, 127)))
def test_every_pair_fits_16_bits(weights: np.ndarray) -> None:
    """Whatever the weights are; those that fit already stay as they are."""
    factors = saturation.divisors(weights)
    smaller = np.rint(weights / factors[:, None, None])
    assert worst(smaller) <= 2**15 - 1
    assert (factors > 1).any() == (worst(weights) > 2**15 - 1)


@pytest.mark.parametrize(
    ("machine", "cpuinfo", "saturates"),
    [
        ("x86_64", "flags\t\t: fma avx2", True),
        ("x86_64", "flags\t\t: avx2 avx512f", True),
        ("x86_64", "flags\t\t: avx2 avx_vnni", False),
        ("x86_64", "flags\t\t: avx512f avx512_vnni", False),
        ("x86_64", "", True),
        ("aarch64", "Features\t: asimd", False),
    ],
)
def test_what_the_processor_does(
    machine: str, cpuinfo: str, saturates: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """x86 adds them in 16 bits unless it has VNNI; where nothing is known it may."""
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{cpuinfo}\n")
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert processor.saturates() is saturates


@pytest.mark.parametrize("name", ["steel-fast", "steel-r34", "steel-screen"])
def test_shipped_recipes_say_what_their_graphs_say(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As this processor computes them, and as one without VNNI: next to the graph, computed step by step in floats."""
    card, model = recipe.load(recipe.SHIPPED / name)
    inputs = {
        "frames": Sheet(990, defects_per_m=4).frame(2).pixels[None],
        "thresholds": np.zeros(len(card.classes), np.float32),
    }
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    exact = onnxruntime.InferenceSession(model, options).run(["confidence"], inputs)[0].astype(float)
    assert exact.max() > 20  # of 255: there is something to get wrong
    for saturates in dict.fromkeys((processor.saturates(), True)):
        monkeypatch.setattr(processor, "saturates", lambda saturates=saturates: saturates)
        graph = core().read_model(model)
        off = np.abs(compile_graph(graph)(inputs)["confidence"] - exact)
        assert off.mean() < 0.05 and off.max() < 25
    assert _worst_of(graph) <= 2**15 - 1 < _worst_of(core().read_model(model))


def _worst_of(graph: openvino.Model) -> int:
    kernels = [node.data for node in graph.get_ops() if _is_bytes(node) and len(node.get_shape()) == 4]
    return max(worst(kernel) for kernel in kernels)


def _is_bytes(node: openvino.Node) -> bool:
    return node.get_type_name() == "Constant" and node.get_element_type() == openvino.Type.i8
