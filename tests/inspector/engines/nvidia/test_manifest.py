"""The engine's manifest: what is written is what is read, and each thing that does not fit is reported in words."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector import recipe
from inspector.engines.nvidia import manifest
from inspector.engines.nvidia.manifest import Manifest, Parity, RuntimeVersion
from inspector.errors import EngineRefused
from inspector.records.recipe import Recipe
from tests.frames import RECIPE
from tests.manifests import describe, write_engine
from tests.recipes import write_recipe

HERE = RuntimeVersion("tensorrt_rtx", "1.7.1.116")
PARITY = Parity(
    date="2026-11-22T20:10:00+00:00",
    engine="one",
    reference="other",
    source="steel",
    frames=58,
    batches=(1, 2),
    label_agreement=0.99987,
    iou={"dark": 1.0, "bright": 0.0},
    confidence_difference=1e-07,
    presence_difference=0.25,
)


MADE = describe(RECIPE)


@pytest.fixture
def card(tmp_path: Path) -> Recipe:
    """A recipe in a folder of its own."""
    return recipe.read_card(write_recipe(tmp_path))


RATIOS = st.floats(0, 1)


@given(words=st.text(), iou=st.dictionaries(st.text(), RATIOS), dice=st.none() | RATIOS, seconds=st.floats(0, 1e9))
def test_what_is_written_is_read(words: str, iou: dict[str, float], dice: float | None, seconds: float) -> None:
    """Whatever stands in a manifest comes back from its TOML as it was, control characters and all."""
    pixels = dict.fromkeys(iou, 7)
    parity = msgspec.structs.replace(PARITY, source=words, iou=iou, class_pixels=pixels, dice=dice, reference_dice=dice)
    made = msgspec.structs.replace(
        MADE, version=words, build_seconds=seconds, folded=not iou, verified=bool(iou), parity=parity
    )
    assert msgspec.convert(tomllib.loads(manifest.to_toml(made)), Manifest) == made


def test_what_is_written_into_a_folder_is_read_there(tmp_path: Path, card: Recipe) -> None:
    """With a parity and without, and nothing else is left in the folder."""
    counted = msgspec.structs.replace(PARITY, reported={"dark": (10, 9)}, unseen={"dark": (1, 0)})
    for parity in (None, PARITY, counted):
        made = write_engine(tmp_path, card, parity=parity)
        assert manifest.read(tmp_path) == made
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", "recipe.toml", "engine.plan", "engine.toml"}


def test_a_proof_of_before_is_read(tmp_path: Path, card: Recipe) -> None:
    """0.3 compared no distance, counted no pixels of classes, and did not see what is no number."""
    write_engine(tmp_path, card, verified=True, parity=PARITY)
    path = tmp_path / manifest.MANIFEST
    new = ("class_pixels", "distance_difference", "not_finite", "reported", "unseen")
    path.write_text("".join(row for row in path.read_text().splitlines(True) if not row.startswith(new)))
    assert manifest.read(tmp_path).parity == PARITY


def test_an_engine_that_fits_has_no_faults(tmp_path: Path, card: Recipe) -> None:
    """Verified, of this recipe and these batches: no fault is found, with a TensorRT and without."""
    made = write_engine(tmp_path, card, verified=True, parity=PARITY)
    for runtime in (HERE, None):
        assert manifest.faults(made, tmp_path, card, made.engine_sha256, runtime, max_frames=2) == ()


SHA = "f" * 64
MISFITS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"flavour": "tensorrt"},
        {},
        'flavour is "tensorrt"; expected "tensorrt_rtx", as is installed. Run `deploy convert FOLDER` on this machine.',
    ),
    (
        {"version": "1.6.0"},
        {},
        'version is "1.6.0"; expected "1.7.1.116", as is installed of tensorrt_rtx. '
        "Run `deploy convert FOLDER` on this machine.",
    ),
    (
        {"onnx_sha256": SHA},
        {},
        f'onnx_sha256 is "{SHA}"; expected "RECIPE_SHA", as recipe tiny@1 has it. '
        "Run `deploy convert FOLDER` on this machine.",
    ),
    (
        {"engine_sha256": SHA},
        {},
        f'sha256 is "ENGINE_SHA"; expected "{SHA}", as engine.toml says. engine.plan was altered or truncated '
        "and must not run: copy it again, or build it. Run `deploy convert FOLDER` on this machine.",
    ),
    (
        {},
        {"precision": "fp32"},
        'precision is "fp16"; expected "fp32", as asked for. Run `deploy convert FOLDER` on this machine.',
    ),
    (
        {},
        {"max_frames": 8},
        "batches range from 1 to 2; expected 1 to 8, as batch.max_frames says. "
        "Lower that, or run `deploy convert FOLDER --batches 1,8`.",
    ),
    (
        {"batches": (4, 8)},
        {"max_frames": 8},
        "batches range from 4 to 8; expected 1 to 8, as batch.max_frames says. "
        "Lower that, or run `deploy convert FOLDER --batches 1,8`.",
    ),
    (
        {"verified": False, "parity": None},
        {},
        "verified is false (never measured against its ONNX); expected true. Run `deploy verify FOLDER`.",
    ),
    (
        {"verified": False},
        {},
        "verified is false (what was measured is out of bounds); expected true. Run `deploy verify FOLDER`.",
    ),
]


@pytest.mark.parametrize(("changes", "asked", "words"), MISFITS)
def test_each_misfit_is_reported(
    tmp_path: Path, card: Recipe, changes: dict[str, Any], asked: dict[str, Any], words: str
) -> None:
    """What was found, what was expected, and what to do; and nothing else is complained of."""
    good = write_engine(tmp_path, card)
    made = write_engine(tmp_path, card, **{"verified": True, "parity": PARITY, **changes})
    found = manifest.faults(made, tmp_path, card, good.engine_sha256, HERE, **asked)
    words = words.replace("FOLDER", str(tmp_path)).replace("RECIPE_SHA", card.sha256)
    file = "engine.plan" if words.startswith("sha256") else "engine.toml"
    assert [str(fault) for fault in found] == [f"{tmp_path / file}: {words.replace('ENGINE_SHA', good.engine_sha256)}"]


def test_all_faults_come_in_one_go(tmp_path: Path, card: Recipe) -> None:
    """What the files say of each other first, then what is installed, the proof last."""
    made = write_engine(tmp_path, card, version="1.6.0", flavour="tensorrt")
    found = manifest.faults(made, tmp_path, card, SHA, HERE, max_frames=4)
    keys = ["engine.plan: sha256 is", "flavour is", "version is", "batches range", "verified is"]
    assert [key for key, fault in zip(keys, found, strict=True) if key in fault.what] == keys


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('precision = "fp16"', 'precision = "fp8"', "Invalid enum value 'fp8'"),
        ("batches = [1, 2]", "batches = []", "length >= 1"),
        ("folded = true", "folded = true\nfold = 1", "unknown field `fold`"),
        ("folded = true\n", "", "missing required field `folded`"),
        ("folded = true", "folded =", "Invalid value"),
    ],
)
def test_a_manifest_is_read_strictly(tmp_path: Path, card: Recipe, old: str, new: str, words: str) -> None:
    """A key too many, too few or wrong is an error that names it."""
    write_engine(tmp_path, card)
    path = tmp_path / "engine.toml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(EngineRefused, match=words):
        manifest.read(tmp_path)


@pytest.mark.parametrize("name", ["engine.toml", "engine.plan"])
def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path, card: Recipe, name: str) -> None:
    """A recipe that was never converted says so."""
    write_engine(tmp_path, card)
    (tmp_path / name).unlink()
    with pytest.raises(EngineRefused, match=rf"{name}: cannot be read: No such file.*Run `deploy convert"):
        (manifest.read if name == "engine.toml" else manifest.read_engine)(tmp_path)


def test_kernels_are_kept_with_the_proof_and_only_the_very_bytes_are_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What the manifest does not name is never given to TensorRT-RTX: altered, lost, or left by another proof."""
    card = recipe.read_card(write_recipe(tmp_path))
    made = write_engine(tmp_path, card)
    kept = tmp_path / manifest.KERNELS
    kept.write_bytes(b"somebody's")
    assert manifest.read_kernels(tmp_path, made) == b"" and not caplog.records
    manifest.write_proof(tmp_path, made, PARITY, b"compiled", verified=True)
    proven = manifest.read(tmp_path)
    assert proven.verified and manifest.read_kernels(tmp_path, proven) == b"compiled"
    kept.write_bytes(b"compilee")
    assert manifest.read_kernels(tmp_path, proven) == b""
    kept.unlink()
    assert manifest.read_kernels(tmp_path, proven) == b""
    assert [record.getMessage().split(": ")[1].split(",")[0] for record in caplog.records] == [
        "altered",
        "cannot be read",
    ]
    manifest.write_proof(tmp_path, made, PARITY, b"compiled", verified=True)
    manifest.write_proof(tmp_path, made, PARITY, b"", verified=True)
    assert manifest.read(tmp_path).kernels_sha256 is None and not kept.exists()


def test_a_file_is_not_written_through_a_link(tmp_path: Path) -> None:
    """Who may write to the folder cannot have root write elsewhere."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / f".{manifest.KERNELS}.partial").symlink_to(victim)
    manifest.replace(tmp_path / manifest.KERNELS, b"new")
    assert victim.read_bytes() == b"precious" and (tmp_path / manifest.KERNELS).read_bytes() == b"new"


@pytest.mark.parametrize(("card_mode", "mode"), [(0o644, 0o644), (0o640, 0o640), (0o600, 0o600), (0o444, 0o644)])
def test_whoever_reads_the_recipe_reads_its_engine_whatever_the_umask(
    tmp_path: Path, card_mode: int, mode: int
) -> None:
    """Root with umask 077 converts and proves; the service has to read it, and nobody else may write it."""
    card = write_recipe(tmp_path) / recipe.CARD
    card.chmod(card_mode)
    if os.geteuid() == 0:
        os.chown(card, 0, 4711)
    before = os.umask(0o077)
    try:
        made = write_engine(tmp_path, recipe.read_card(tmp_path))
        manifest.write_proof(tmp_path, made, PARITY, b"compiled", verified=True)
    finally:
        os.umask(before)
    for name in (manifest.MANIFEST, manifest.KERNELS):
        there = (tmp_path / name).stat()
        assert (there.st_mode & 0o777, there.st_gid) == (mode, card.stat().st_gid)
    (left := tmp_path / manifest.ENGINE).chmod(0o600)  # as written before it was so
    manifest.share(left, card)
    assert left.stat().st_mode & 0o777 == mode
