"""What a frame costs and what the machine gives: counted and measured, both against what is known."""

from __future__ import annotations

import onnx
import onnx.parser
import pytest
import torch

from inspector import recipe
from inspector.bench import gpu_roof, roof
from inspector.bench.work import gflop_per_frame
from tests.frames import RECIPE
from tests.gpu import has_driver

GRAPH = """
<ir_version: 10, opset_import: ["" : 20]>
counted (float[n, 10, 20] frames) => (float[n, 6, 20, 40] turned, float[n, 4, 10, 7] product)
<float[4, 1, 3, 3] plain = {plain}, float[4, 2, 1, 1] grouped = {grouped}, float[4, 6, 2, 2] up = {up},
 float[20, 7] matrix = {matrix}, int64[1] channel = {{1}}>
{{
    planes = Unsqueeze(frames, channel)
    a = Conv<pads = [1, 1, 1, 1]>(planes, plain)
    b = Conv<group = 2>(a, grouped)
    turned = ConvTranspose<strides = [2, 2]>(b, up)
    product = MatMul(b, matrix)
}}
"""


def test_operations_are_counted_as_on_paper() -> None:
    """A convolution, a grouped one, a transposed one and a product, each 2 x outputs x terms of a sum."""
    sizes = {"plain": 4 * 9, "grouped": 8, "up": 4 * 6 * 4, "matrix": 140}
    filled = {name: "{" + ", ".join(["1.0"] * size) + "}" for name, size in sizes.items()}
    model = onnx.parser.parse_model(GRAPH.format(**filled))
    onnx.checker.check_model(model)
    on_paper = 2 * (800 * 9 + 800 * 2 + 800 * 6 * 4 + 280 * 20)
    assert gflop_per_frame(RECIPE, model.SerializeToString()) * 1e9 == pytest.approx(on_paper)


def test_the_shipped_network_costs_what_its_layers_say() -> None:
    """A ResNet-34 U-Net with its head at half resolution: below the 98 GFLOP of one at full resolution."""
    assert 70 < gflop_per_frame(*recipe.load(recipe.SHIPPED / "steel-r34")) < 98


def test_int8_is_a_roof_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quantised product runs on 8-bit instructions where there are any, and is named for what it is."""
    monkeypatch.setattr(roof, "SIDE", 256)
    monkeypatch.setattr(roof, "COPY_BYTES", 2**20)
    for precision, arithmetic in (("int8", "int8"), ("fp32", "fp32"), ("fp16", "fp32")):
        found = roof.measure("openvino", precision, 0.01)
        assert found.arithmetic == arithmetic and found.gflops and found.gflops > 0 and found.copy_gb_per_s


@pytest.mark.parametrize("precision", ["fp16", "fp32", "int8"])
def test_the_gpu_roof_multiplies_in_each_precision(precision: str) -> None:
    """On the CPU, as the same code runs on any device of PyTorch's."""
    found = gpu_roof.measure(torch, "cpu", precision, 0.01, side=64, copy_bytes=2**16)
    assert found.arithmetic == precision and found.gflops and found.gflops > 0


@pytest.mark.skipif(has_driver(), reason="an NVIDIA driver is installed")
def test_without_a_gpu_its_roof_is_unknown_and_says_why() -> None:
    """Never 0, never assumed."""
    found = roof.measure("tensorrt", "fp16", 0.1)
    assert found.gflops is None and found.how.startswith("not measured: PyTorch") and "no GPU" in found.how
