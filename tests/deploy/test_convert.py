"""The converter without a GPU: real engines where TensorRT-RTX is installed, a clear refusal elsewhere."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from deploy.__main__ import main
from deploy.build import PORTABLE, options_for, unsupported
from inspector import recipe
from inspector.engines.nvidia import driver, manifest
from inspector.engines.nvidia.driver import Gpu
from inspector.engines.nvidia.manifest import Port
from inspector.errors import EngineError
from tests.recipes import HEIGHT, WIDTH, write_recipe

HAS_RTX = importlib.util.find_spec("tensorrt_rtx_bindings") is not None
HAS_ANY = HAS_RTX or importlib.util.find_spec("tensorrt") is not None

needs_rtx = pytest.mark.skipif(not HAS_RTX, reason='TensorRT-RTX is not installed (pip install ".[rtx]")')


def targets() -> tuple[str, ...]:
    """What an engine must be built for here."""
    try:
        return (driver.gpus()[0].compute_capability,)
    except EngineError:
        return PORTABLE


@pytest.mark.skipif(HAS_ANY, reason="a TensorRT is installed")
def test_without_tensorrt_the_reader_learns_what_to_install(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback, exit code 78, as the daemon without it, and the two extras by name."""
    assert main(["convert", str(write_recipe(tmp_path)), "--precision", "fp32"]) == 78
    assert '"rtx"' in capsys.readouterr().err


def test_without_onnx_the_reader_learns_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The plain install has the command too, and it says what it needs."""
    for name in [name for name in sys.modules if name.startswith("deploy.") and name != "deploy.__main__"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(["convert", str(write_recipe(tmp_path))]) == 1
    assert 'onnx is not installed; expected the extra "rtx"' in capsys.readouterr().err


@needs_rtx
def test_the_shipped_recipe_becomes_an_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A real fp16 engine of the shipped INT8 recipe: the manifest says what it is, from what, for what, by what."""
    folder = tmp_path / "steel-r34"
    shutil.copytree(recipe.SHIPPED / "steel-r34", folder, ignore=shutil.ignore_patterns("engine.*"))
    assert main(["convert", str(folder), "--precision", "fp16", "--batches", "1,2"]) == 0
    card, made, engine = recipe.read_card(folder), manifest.read(folder), manifest.read_engine(folder)
    assert (made.flavour, made.precision, made.batches, made.folded) == ("tensorrt_rtx", "fp16", (1, 2), True)
    assert (made.onnx_sha256, made.engine_sha256) == (card.sha256, hashlib.sha256(engine).hexdigest())
    assert (made.engine_bytes, made.compute_capabilities) == (len(engine), targets())
    assert (made.verified, made.parity) == (False, None)
    planes = (-1, card.height, card.width)
    classes = len(card.classes)
    assert set(made.inputs) == {Port("frames", "uint8", planes), Port("thresholds", "float32", (classes,))}
    assert set(made.outputs) == {
        Port("labels", "uint8", planes),
        Port("confidence", "uint8", planes),
        Port("presence", "float32", (-1, card.columns)),
    }
    # Half the bytes of its float weights, which the INT8 file holds in one byte each: it does compute in fp16.
    int8_bytes = (folder / recipe.MODEL).stat().st_size
    assert 1.8 * int8_bytes < len(engine) < 3.5 * int8_bytes
    printed = capsys.readouterr().out
    assert "Q/DQ folded away" in printed and f"run `deploy verify {folder}`" in printed
    assert "Engine generation completed" in (folder / "engine.log").read_text()


@needs_rtx
def test_fp32_is_not_rounded_to_tf32() -> None:
    """TensorRT multiplies float32 with 10-bit mantissas unless it is forbidden; an engine called fp32 forbids it."""
    trt = importlib.import_module("tensorrt_rtx_bindings")
    builder = trt.Builder(trt.Logger())
    for exact in (False, True):
        options = options_for(trt, builder, ("8.9",), exact=exact)
        assert options.get_flag(trt.BuilderFlag.TF32) != exact


@pytest.mark.parametrize("capability", ["8.0", "8.7", "9.0", "10.0"])
def test_gpus_that_are_no_rtx_cards_are_refused_in_words(capability: str) -> None:
    """TensorRT-RTX builds for 8.0 and runs on none of them; the reader is sent to the full TensorRT."""
    assert f"compute capability {capability}; expected one of 7.5, 8.6" in unsupported(Gpu("A100", capability))
    assert not any(unsupported(Gpu("RTX", known)) for known in PORTABLE)


@needs_rtx
def test_out_builds_next_to_a_copy(tmp_path: Path) -> None:
    """The recipe's own folder, which may be read-only, stays as it was."""
    folder, out = write_recipe(tmp_path / "recipe"), tmp_path / "copy"
    before = sorted(folder.iterdir())
    assert main(["convert", str(folder), "--precision", "fp32", "--batches", "1", "--out", str(out)]) == 0
    assert sorted(folder.iterdir()) == before
    assert manifest.read(out).onnx_sha256 == recipe.read_card(folder).sha256


@needs_rtx
def test_building_again_does_nothing_until_something_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same again is not built; for other batches, or after an engine was altered, it is, and it says why."""
    folder = write_recipe(tmp_path)

    def run(*words: str) -> str:
        assert main(["convert", str(folder), *words]) == 0
        return capsys.readouterr().out

    assert "no engine that can be used: " in run("--precision", "fp32", "--batches", "1,2")
    first = manifest.read(folder)
    assert first.inputs[0] == Port("frames", "uint8", (-1, HEIGHT, WIDTH))
    assert "nothing changed, not built again" in run("--precision", "fp32", "--batches", "1,2")
    assert manifest.read(folder) == first
    (folder / manifest.KERNELS).touch()
    assert "batches is [1, 2]; asked for [1, 4]" in run("--precision", "fp32", "--batches", "1,4")
    assert not (folder / manifest.KERNELS).exists()  # it was the engine's before
    with (folder / "engine.plan").open("ab") as file:
        file.write(b"x")
    assert "as engine.toml says" in run("--precision", "fp32", "--batches", "1,4")
    assert "nothing changed" in run("--precision", "fp32", "--batches", "1,4")


@needs_rtx
def test_a_failed_build_leaves_the_old_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be had is refused with its reason, and what ran before still fits its manifest."""
    folder = write_recipe(tmp_path)
    assert main(["convert", str(folder), "--precision", "fp32", "--batches", "1"]) == 0
    before = manifest.read(folder)
    assert main(["convert", str(folder), "--precision", "fp16", "--batches", "1"]) == 1
    assert "has no convolution" in capsys.readouterr().err
    assert manifest.read(folder) == before


@needs_rtx
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file and the system's reason, no traceback: a service's recipe is often another's."""
    folder = write_recipe(tmp_path)
    (folder / "engine.log").mkdir()
    assert main(["convert", str(folder), "--precision", "fp32"]) == 1
    assert "engine.log: Is a directory. Mend that" in capsys.readouterr().err


def test_int8_from_a_float_recipe_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing pretends to be INT8."""
    code = main(["convert", str(write_recipe(tmp_path)), "--precision", "int8"])
    assert code == 1
    assert not (tmp_path / "engine.plan").exists() and capsys.readouterr().err


@pytest.mark.parametrize("sizes", ["4,1", "0,4", "2,2", "many"])
def test_odd_batch_sizes_are_refused(tmp_path: Path, sizes: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Ascending, from 1, in numbers."""
    with pytest.raises(SystemExit):
        main(["convert", str(tmp_path), "--batches", sizes])
    assert "--batches" in capsys.readouterr().err


@needs_rtx
def test_a_card_that_is_not_its_models_is_refused_and_a_manifest_that_is_not_its_engines_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `inspector check` would refuse, `convert` neither builds nor takes for unchanged."""
    folder = write_recipe(tmp_path)
    words = ["convert", str(folder), "--precision", "fp32", "--batches", "1"]
    assert main(words) == 0
    made = manifest.read(folder)
    manifest.write(folder, msgspec.structs.replace(made, outputs=made.outputs[:1]))
    assert main(words) == 0
    assert "outputs are labels" in capsys.readouterr().out and manifest.read(folder).outputs == made.outputs
    card = folder / recipe.CARD
    card.write_text(card.read_text().replace(f"height = {HEIGHT}", "height = 32"))
    assert main(words) == 1
    assert "model.onnx: inputs are" in capsys.readouterr().err


@needs_rtx
def test_ctrl_c_ends_a_build_and_leaves_nothing(tmp_path: Path) -> None:
    """TensorRT would swallow it and go on: exit code 130, in words, and no engine."""
    folder = tmp_path / "steel"
    shutil.copytree(recipe.SHIPPED / "steel-r34", folder, ignore=shutil.ignore_patterns("engine.*"))
    # Whoever runs the tests in the background has Ctrl-C ignored; a user at a terminal has not.
    run = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from deploy.__main__ import main; "
    words = [
        sys.executable,
        "-u",
        "-c",
        f"{run}raise SystemExit(main(['convert', {str(folder)!r}, '--precision', 'int8']))",
    ]
    screen, terminal = os.openpty()  # on a terminal the builder shows how far it is
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=terminal) as process:
        os.close(terminal)
        shown = os.read(screen, 4096)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # the terminal is gone with its last user
            while part := os.read(screen, 4096):
                shown += part
    os.close(screen)
    assert process.returncode == 130 and b"stopped; what was there is as it was" in shown, shown
    assert not (folder / manifest.ENGINE).exists() and not (folder / manifest.MANIFEST).exists()
