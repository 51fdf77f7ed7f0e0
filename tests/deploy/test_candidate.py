"""An engine that waits for its proof, and how it takes the place of the one in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy import candidate
from inspector import recipe
from inspector.engines.nvidia import manifest
from tests.manifests import ENGINE, write_engine
from tests.recipes import write_recipe


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recipe with a proven engine and its kernels, and a candidate of other batches."""
    folder = write_recipe(tmp_path)
    card = recipe.read_card(folder)
    write_engine(folder, card, verified=True)
    (folder / manifest.KERNELS).write_bytes(b"old")
    write_engine(candidate.begin(folder), card, batches=(1, 8))
    return folder


def test_one_that_is_not_proven_waits(folder: Path) -> None:
    """What lies in force stays as it is; a second one takes the first one's place, and may be given up."""
    assert candidate.find(folder) == folder / candidate.FOLDER
    assert manifest.read(folder).batches == (1, 2)
    assert not list(candidate.begin(folder).iterdir()) and candidate.find(folder) is None
    candidate.discard(folder)
    candidate.discard(folder)
    assert not (folder / candidate.FOLDER).exists() and manifest.read(folder).verified


@pytest.mark.parametrize("kernels", [b"new", b""])
@pytest.mark.parametrize("moved", [(), (manifest.KERNELS,), (manifest.KERNELS, manifest.ENGINE)])
def test_a_proven_one_takes_the_place_even_where_the_power_fails_meanwhile(
    folder: Path, kernels: bytes, moved: tuple[str, ...]
) -> None:
    """After any of its steps the rest follows; the kernels of the engine before go with it."""
    place = folder / candidate.FOLDER
    digest = "a" * 64 if kernels else None
    made = write_engine(place, recipe.read_card(folder), batches=(1, 8), verified=True, kernels_sha256=digest)
    if kernels:
        (place / manifest.KERNELS).write_bytes(kernels)
    for name in moved:
        if (place / name).exists():
            (place / name).replace(folder / name)
        else:
            (folder / name).unlink()
    assert candidate.find(folder) is None and not place.exists()
    assert manifest.read(folder) == made and manifest.read_engine(folder) == ENGINE
    assert (folder / manifest.KERNELS).exists() == bool(kernels)


def test_a_link_in_its_place_is_not_followed(folder: Path, tmp_path: Path) -> None:
    """Who may write to the folder cannot have root write elsewhere, or remove what is there."""
    candidate.discard(folder)
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (kept := elsewhere / "kept").touch()
    (folder / candidate.FOLDER).symlink_to(elsewhere)
    place = candidate.begin(folder)
    assert not place.is_symlink() and not list(place.iterdir()) and kept.exists()
