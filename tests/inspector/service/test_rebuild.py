"""A stale engine built again: what is asked of the converter, and what is reported meanwhile."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
import pytest

from inspector import recipe
from inspector.engines.nvidia import manifest
from inspector.engines.settings import EngineSection
from inspector.errors import EXIT_FAILURE, EngineError, Stopped
from inspector.service.rebuild import commands, rebuild
from tests.gpu import has_driver, has_tensorrt
from tests.inspector.engines.nvidia.test_loader import PARITY
from tests.manifests import write_engine
from tests.recipes import write_recipe

SECTION = EngineSection(kind="tensorrt", rebuild=True)


def test_without_an_engine_the_converter_chooses(tmp_path: Path) -> None:
    """Its own precision, for the batches that will come."""
    assert commands(SECTION, tmp_path, 8) == [["convert", str(tmp_path), "--batches=1,8"], ["verify", str(tmp_path)]]


def test_an_engine_is_built_again_as_it_was(tmp_path: Path) -> None:
    """Precision and batches of the one before, proven on the same images, on the line's GPU; the flavour if asked."""
    folder, masks = write_recipe(tmp_path / "recipe"), tmp_path / "masks"
    masks.mkdir()
    (masks / "a.png").touch()
    parity = msgspec.structs.replace(PARITY, source=str(tmp_path), masks=str(masks))
    write_engine(folder, recipe.read_card(folder), precision="int8", batches=(1, 4), parity=parity)
    section = EngineSection(kind="tensorrt", flavour="tensorrt_rtx", gpu=1, rebuild=True)
    assert commands(section, folder, 8) == [
        ["convert", str(folder), "--precision=int8", "--batches=1,4,8", "--flavour=tensorrt_rtx", "--gpu=1"],
        ["verify", str(folder), f"--images={tmp_path}", f"--masks={masks}", "--frames=58", "--gpu=1"],
    ]
    (masks / "a.png").unlink()  # without the truth the images are no proof: procedural steel is what is left
    assert commands(section, folder, 8)[1] == ["verify", str(folder), "--gpu=1"]


@pytest.mark.skipif(not has_tensorrt(), reason='TensorRT-RTX is not installed (pip install ".[rtx]")')
@pytest.mark.skipif(has_driver(), reason="an NVIDIA driver is installed")
def test_the_converter_runs_and_its_refusal_is_passed_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The real commands: the engine is built without a GPU, the proof needs one, which may come yet; exit code 1."""
    folder = write_recipe(tmp_path)
    write_engine(folder, recipe.read_card(folder), precision="fp32", batches=(1, 2))
    reported: list[str] = []
    with caplog.at_level(logging.INFO), pytest.raises(EngineError, match="no NVIDIA driver was found") as caught:
        rebuild(SECTION, folder, 2, reported.append, lambda: False)
    assert caught.value.exit_code == EXIT_FAILURE
    assert reported[0].startswith(f"rebuilding the engine: deploy convert {folder}")
    assert any("verify" in words for words in reported)
    assert manifest.read(folder).engine_bytes == len(manifest.read_engine(folder)) > 10_000
    assert "deploy convert: building" in caplog.text


def test_a_rebuild_ends_when_the_inspector_is_stopped(tmp_path: Path) -> None:
    """SIGTERM does not wait for minutes."""
    with pytest.raises(Stopped, match="stopped while rebuilding") as caught:
        rebuild(SECTION, write_recipe(tmp_path), 2, lambda words: None, lambda: True)
    assert caught.value.exit_code == 0
