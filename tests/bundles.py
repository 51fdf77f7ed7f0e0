"""A bundle to install from, made once for all tests: it takes seconds and a package index."""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest

from deploy.bundle import bundle, this_platform, this_python
from inspector import recipe
from inspector.engines.nvidia import manifest
from inspector.errors import InspectorError
from tests.manifests import write_engine
from tests.systemd.heavy import write_recipe

NAME = "the box"
"""With a space, as folders of people have."""


def the_box(folder: Path) -> Path:
    """Return the bundle unpacked in this folder, made by whichever process is first; the others wait for it."""
    with (folder / "bundle.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        made = folder / "bundle"
        if not made.is_dir():
            beginning = Path(tempfile.mkdtemp(dir=folder))
            make_box(beginning)
            beginning.rename(made)
    return made / NAME


def make_box(folder: Path) -> Path:
    """Make a bundle of the heavy recipe with an engine, unpack it below a name with a space, and return that folder."""
    made, out = write_recipe(folder / "heavy"), folder / f"{NAME}.tar"
    write_engine(made, recipe.read_card(made))
    (made / manifest.KERNELS).write_bytes(b"compiled")
    try:
        with contextlib.chdir(made):  # the recipe is given as ".", and has a name all the same
            bundle(Path(), out, python=this_python(), target=this_platform(), extras=(), say=print)
    except InspectorError:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(folder), "prometheus-client"]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("no package index can be reached")
        raise
    with tarfile.open(out) as tar:
        tar.extractall(folder, filter="data")
    return folder / NAME
