"""The converter without a GPU: a real engine where TensorRT-RTX is installed, a clear refusal elsewhere."""

from __future__ import annotations

import hashlib
import importlib.util
import tomllib
from pathlib import Path

import pytest

from deploy.__main__ import main
from tests.recipes import write_recipe

HAS_RTX = importlib.util.find_spec("tensorrt_rtx_bindings") is not None
HAS_ANY = HAS_RTX or importlib.util.find_spec("tensorrt") is not None


@pytest.mark.skipif(HAS_ANY, reason="a TensorRT is installed")
def test_without_tensorrt_the_reader_is_told_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, exit code 1, and the two extras by name."""
    assert main(["convert", str(write_recipe(tmp_path)), "--precision", "fp32"]) == 1
    assert '"rtx"' in capsys.readouterr().err


@pytest.mark.skipif(not HAS_RTX, reason='TensorRT-RTX is not installed (pip install ".[rtx]")')
def test_an_engine_is_built_and_described(tmp_path: Path) -> None:
    """The manifest names the engine beside it and the recipe it came from, by hash."""
    folder = write_recipe(tmp_path)
    assert main(["convert", str(folder), "--precision", "fp32", "--max-frames", "2"]) == 0
    manifest = tomllib.loads((folder / "engine.toml").read_text())
    assert manifest["engine_sha256"] == hashlib.sha256((folder / "engine.plan").read_bytes()).hexdigest()
    assert manifest["onnx_sha256"] == tomllib.loads((folder / "recipe.toml").read_text())["sha256"]
    assert (manifest["flavour"], manifest["precision"], manifest["verified"]) == ("tensorrt_rtx", "fp32", False)


def test_int8_from_a_float_recipe_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing pretends to be INT8."""
    code = main(["convert", str(write_recipe(tmp_path)), "--precision", "int8"])
    assert code == 1
    assert not (tmp_path / "engine.plan").exists() and capsys.readouterr().err
