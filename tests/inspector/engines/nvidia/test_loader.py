"""The door to built engines: each refusal in its turn, on real engines built here, long before a driver is needed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from deploy.__main__ import main as deploy
from inspector import recipe
from inspector.engines.nvidia import driver, flavour, loader, manifest
from inspector.engines.nvidia.manifest import Parity
from inspector.engines.settings import EngineSection
from inspector.errors import EXIT_CONFIG, EngineError, EngineRefused
from tests.gpu import has_driver, has_tensorrt
from tests.manifests import describe, write_engine
from tests.recipes import write_recipe

pytestmark = pytest.mark.skipif(not has_tensorrt(), reason='TensorRT-RTX is not installed (pip install ".[rtx]")')

SECTION = EngineSection(kind="tensorrt")
PARITY = Parity(
    date="2026-11-22T20:10:00+00:00",
    engine="one",
    reference="other",
    source="steel",
    frames=58,
    batches=(1, 2),
    label_agreement=1.0,
    iou={"dark": 1.0},
    confidence_difference=0.0,
    presence_difference=0.0,
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe with a real engine, marked as proven."""
    folder = write_recipe(tmp_path_factory.mktemp("template"))
    assert deploy(["convert", str(folder), "--precision", "fp32", "--batches", "1,2"]) == 0
    manifest.write(folder, msgspec.structs.replace(manifest.read(folder), verified=True, parity=PARITY))
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    return shutil.copytree(template, tmp_path / "recipe")


def change(folder: Path, **changes: object) -> None:
    """Change what the manifest says."""
    manifest.write(folder, msgspec.structs.replace(manifest.read(folder), **changes))


def refusal(folder: Path, section: EngineSection = SECTION, max_frames: int = 2, unverified: bool = False) -> str:
    """Try to load and return the words of the refusal; the daemon would exit with 78."""
    with pytest.raises(EngineRefused) as caught:
        loader.load(section, recipe.read_card(folder), max_frames, folder, unverified=unverified)
    assert caught.value.exit_code == EXIT_CONFIG
    return str(caught.value)


def unlink(folder: Path) -> None:
    """Lose the manifest."""
    (folder / manifest.MANIFEST).unlink()


def truncate(folder: Path) -> None:
    """Lose the engine's last bytes."""
    path = folder / manifest.ENGINE
    path.write_bytes(path.read_bytes()[:-100])


def alter(folder: Path) -> None:
    """Turn one bit in the middle of the engine."""
    path = folder / manifest.ENGINE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def export_again(folder: Path) -> None:
    """Put another recipe's model there."""
    card = folder / "recipe.toml"
    card.write_text(card.read_text().replace(recipe.read_card(folder).sha256, "0" * 64))


REFUSALS: list[tuple[Callable[[Path], None], str]] = [
    (unlink, "engine.toml: cannot be read: No such file or directory. Run `deploy convert"),
    (truncate, "engine.plan was altered or truncated and must not run"),
    (alter, "engine.plan was altered or truncated and must not run"),
    (export_again, f'expected "{"0" * 64}", as recipe tiny@1 has it. Run `deploy convert'),
    (lambda folder: change(folder, version="1.0.0"), 'version is "1.0.0"; expected "'),
    (
        lambda folder: change(folder, flavour="tensorrt"),
        'flavour is "tensorrt"; expected "tensorrt_rtx", as is installed',
    ),
    (lambda folder: change(folder, verified=False), "verified is false (what was measured is out of bounds)"),
    (lambda folder: change(folder, verified=False, parity=None), "verified is false (never measured against its ONNX)"),
    (lambda folder: change(folder, outputs=()), "outputs are none; expected confidence uint8[-1, 64, 256]"),
]


@pytest.mark.parametrize(("spoil", "words"), REFUSALS)
def test_each_refusal_is_one_line_and_needs_no_driver(folder: Path, spoil: Callable[[Path], None], words: str) -> None:
    """What does not fit is reported alone, with what to do; whether a GPU is here does not matter."""
    spoil(folder)
    printed = refusal(folder)
    assert words in printed and len(printed.splitlines()) == 1


def test_all_faults_are_reported_in_the_order_of_mending(folder: Path) -> None:
    """Files first, then what is installed, then the proof."""
    truncate(folder)
    change(folder, version="1.0.0", verified=False)
    keys = [line.partition(": ")[2].split()[0] for line in refusal(folder, max_frames=4).splitlines()]
    assert keys == ["sha256", "version", "batches", "verified"]


def test_a_flavour_that_is_not_installed_is_named(folder: Path) -> None:
    """After the files, so that one look mends both."""
    if {name for name in flavour.MODULES if _installed(name)} != {"tensorrt_rtx"}:
        pytest.skip("the full TensorRT is installed too")
    section = EngineSection(kind="tensorrt", flavour="tensorrt")
    assert refusal(folder, section).startswith("tensorrt is not installed. Install the extra")
    truncate(folder)
    first, second = refusal(folder, section).splitlines()
    assert "altered or truncated" in first and "tensorrt is not installed" in second


def _installed(name: manifest.Flavour) -> bool:
    try:
        flavour.find(only=name)
    except EngineRefused:
        return False
    return True


@pytest.mark.skipif(has_driver(), reason="an NVIDIA driver is installed")
def test_an_engine_that_fits_waits_for_the_driver(folder: Path) -> None:
    """All that can be checked is good: what is missing may come in five seconds, so that systemd tries again."""
    card = recipe.read_card(folder)
    with pytest.raises(EngineError, match=r"no NVIDIA driver was found: libcuda\.so\.1") as caught:
        loader.load(SECTION, card, 2, folder)
    assert caught.value.exit_code == 1
    with pytest.raises(EngineError, match="no NVIDIA driver"):
        loader.open_unverified(folder, card)


@pytest.mark.skipif(has_driver(), reason="an NVIDIA driver is installed")
def test_unverified_is_taken_when_configured_so(folder: Path) -> None:
    """`--unverified` passes over the missing proof and over nothing else."""
    change(folder, verified=False)
    with pytest.raises(EngineError, match="no NVIDIA driver"):
        loader.load(SECTION, recipe.read_card(folder), 2, folder, unverified=True)
    truncate(folder)
    assert "altered or truncated" in refusal(folder, unverified=True)


@pytest.mark.gpu
@pytest.mark.skipif(not has_driver(), reason="no NVIDIA driver")
def test_another_gpu_is_refused(tmp_path: Path) -> None:
    """An engine for a GPU that is not here, and a GPU that is not here, are both named."""
    folder = write_recipe(tmp_path)
    card = recipe.read_card(folder)
    made = describe(card, compute_capabilities=("1.0",))
    write_engine(folder, card, compute_capabilities=("1.0",))
    with pytest.raises(EngineRefused, match=r"compute_capabilities is 1\.0; expected"):
        loader.check_gpu(folder, made, 0)
    here = driver.gpus()[0]
    made = describe(card, compute_capabilities=(here.compute_capability,), gpu="another")
    with pytest.raises(EngineRefused, match='gpu is "another"; expected "') as refused:
        loader.check_gpu(folder, made, 0)
    assert here.name in str(refused.value)
    for name in ("", here.name):  # one of before 0.4 does not say
        loader.check_gpu(folder, describe(card, compute_capabilities=(here.compute_capability,), gpu=name), 0)
    with pytest.raises(EngineRefused, match=f"GPU 63 is not there; expected 0..{len(driver.gpus()) - 1}"):
        loader.check_gpu(folder, made, 63)
