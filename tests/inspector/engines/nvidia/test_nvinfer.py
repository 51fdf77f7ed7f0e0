"""What TensorRT refuses, in words: its real runtime where it is installed, and the wording by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.__main__ import main as deploy
from inspector.engines.nvidia import flavour, manifest, nvinfer
from inspector.errors import EngineError, EngineRefused
from tests.gpu import has_driver, has_tensorrt
from tests.recipes import write_recipe

needs_tensorrt = pytest.mark.skipif(not has_tensorrt(), reason='TensorRT-RTX is not installed (pip install ".[rtx]")')
no_driver = pytest.mark.skipif(has_driver(), reason="an NVIDIA driver is installed")


@needs_tensorrt
@no_driver
@pytest.mark.parametrize("junk", [b"", b"short", b"x" * 4096])
def test_what_is_no_engine_is_called_so(junk: bytes) -> None:
    """The real runtime's own diagnosis: no driver is needed to see that a file is no engine."""
    name, trt = flavour.find()
    if name != "tensorrt_rtx":
        pytest.skip("the full TensorRT diagnoses nothing without a driver")
    with pytest.raises(EngineRefused, match=r"the file is no engine of this TensorRT, or is cut off"):
        nvinfer.runtime(name, trt).deserialise(junk)


@needs_tensorrt
@no_driver
def test_a_good_engine_without_a_driver_blames_the_driver(tmp_path: Path) -> None:
    """CUDA's error 35, which the real runtime only logs, becomes words about the driver."""
    folder = write_recipe(tmp_path)
    assert deploy(["convert", str(folder), "--precision", "fp32", "--batches", "1"]) == 0
    name, trt = flavour.find()
    with pytest.raises(EngineError, match=r"the NVIDIA driver is too old"):
        nvinfer.runtime(name, trt).deserialise(manifest.read_engine(folder))


@needs_tensorrt
def test_every_diagnosis_of_tensorrt_rtx_has_words() -> None:
    """The table has a line for each bit that this version can set."""
    try:
        _, trt = flavour.find(only="tensorrt_rtx")
    except EngineRefused:
        pytest.skip("TensorRT-RTX is not installed")
    assert {int(bit) for bit in trt.EngineInvalidityDiagnostics.__members__.values()} == set(nvinfer.ADVICE)


@pytest.mark.parametrize(
    ("diagnostics", "kind", "words"),
    [
        (1, EngineRefused, "another version of TensorRT"),
        (2, EngineRefused, "does not run on this GPU's compute capability"),
        (4, EngineRefused, "driver is too old"),
        (16, EngineError, "too little free memory"),
        (1 | 16, EngineRefused, "another version.*; the GPU has too little"),
        (64, EngineError, "CUDA does not work here"),
    ],
)
def test_a_diagnosis_in_words(diagnostics: int, kind: type[EngineError], words: str) -> None:
    """All bits are reported; what five seconds cannot mend exits 78."""
    error = nvinfer.refusal("tensorrt_rtx 1.7", diagnostics, ["something"])
    assert type(error) is kind
    with pytest.raises(EngineError, match=words):
        raise error


def test_without_a_diagnosis_tensorrt_speaks_itself() -> None:
    """The full TensorRT has none: its first error is the cause, the later ones follow from it."""
    error = nvinfer.refusal("tensorrt 11.0", 0, ["Serialization assertion failed", "catchCudaError"])
    assert str(error) == (
        "tensorrt 11.0 cannot load the engine: Serialization assertion failed. Build it again: `deploy convert`."
    )
