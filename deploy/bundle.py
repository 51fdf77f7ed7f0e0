"""Everything a machine without a network needs, in one tar: wheels, recipe, unit, example and `install.sh`.

Knows: pip, the source tree that this is run from, and the bundle's layout, which `install.sh` reads.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Literal

from deploy.pages import FIRST, copy_pages
from inspector import recipe
from inspector.engines.nvidia import manifest
from inspector.engines.nvidia.manifest import ENGINE, KERNELS, LOG, MANIFEST
from inspector.errors import EngineRefused, InspectorError
from inspector.records.recipe import Recipe
from inspector.words import counted

HERE = Path(__file__).parent
SOURCE = HERE.parent
PYTHONS = ("3.11", "3.12", "3.13")
"""What `requires-python` in pyproject.toml admits."""
PACKAGES = ("inspector", "trainer", "deploy")
UNIT = (
    "inspector@.service",
    "gpu.conf",
    "inspector-bridge@.service",
    "inspector-station.service",
    "inspector-failed@.service",
    "inspector.sysusers.conf",
    "inspector.tmpfiles.conf",
)
README = Template("""# An inspector for a machine without a network, with the recipe $card

As root: `./install.sh`; it says what it does, and so does `./install.sh --help`. How the service is installed, watched,
updated and mended: [$first]($first). All other pages are reached from there.
""")
"""What is read first in an unpacked bundle."""
SUFFIXES: dict[str, Literal["w", "w:gz"]] = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz"}
"""How a bundle's name may end, and how `tarfile` is to write it."""
LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
"""glibc 2.N and the name that its platform had before PEP 600."""


def this_python() -> str:
    """Return the version of the Python that runs, like "3.11"."""
    return "{}.{}".format(*sys.version_info[:2])


def this_platform() -> str:
    """Return the platform that runs as wheels name it (PEP 600), like "manylinux_2_36_x86_64"."""
    return f"manylinux_{platform.libc_ver()[1].replace('.', '_')}_{platform.machine()}"


def bundle(
    folder: Path, out: Path, *, python: str, target: str, extras: tuple[str, ...], say: Callable[[str], None]
) -> None:
    """Write the bundle of the recipe in `folder`, for a Python like "3.11" on a platform like "manylinux_2_28_x86_64".

    `extras` of ours are packed too: "rtx" lets the machine itself build engines. Needs a package index.

    Raises: RecipeError, InspectorError.
    """
    folder = folder.resolve()  # "." has a name too
    platforms = accepted(target)
    card, _ = recipe.load(folder)
    _check(out, python, extras)
    say(_engine(folder, card))
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "packed" / out.name.removesuffix(_suffix(out))
        (root / "wheels").mkdir(parents=True)
        say(f"recipe {card}: building our wheel")
        wheel = _build_wheel(Path(temporary) / "source", root / "wheels")
        say(f"collecting wheels for Python {python} on {target}")
        wanted = f"{wheel}[{','.join(extras)}]" if extras else str(wheel)
        _download(wanted, python, platforms, root / "wheels")
        _copy_recipe(folder, root / "recipes" / folder.name)
        _write_rest(root, card, {"PYTHON": python, "RECIPE": folder.name, "EXTRAS": ",".join(extras)})
        _sum(root)
        pack(root, out)
        count = len(list((root / "wheels").iterdir()))
    size = f"{out.stat().st_size / 2**20:.1f} MiB, {counted(count, 'wheel')}"
    command = shlex.quote(f"{root.name}/install.sh")
    say(f"{out}: {size}. There: tar xf {shlex.quote(out.name)} && {command}")


def _check(out: Path, python: str, extras: tuple[str, ...]) -> None:
    """Raises: InspectorError for what would only show after minutes, or on the machine without a network."""
    missing = [path for path in (SOURCE / "pyproject.toml", SOURCE / "systemd") if not path.exists()]
    if missing:
        raise InspectorError(f"{missing[0]}: not found; expected the source tree. Run this from a checkout.")
    if python not in PYTHONS:
        raise InspectorError(
            f'python is "{python}"; expected one of {", ".join(PYTHONS)}. Ask `python3 --version` there.'
        )
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    known = sorted(project["optional-dependencies"])
    if unknown := [extra for extra in extras if extra not in known]:
        raise InspectorError(f"extra is {', '.join(unknown)}; expected some of {', '.join(known)}. Correct --extra.")
    if out.is_dir() or not out.parent.is_dir():
        what = "is a folder" if out.is_dir() else f"{out.parent} is not there"
        raise InspectorError(f"{out}: {what}; expected a file's name in a folder that is. Correct --out.")
    if not out.name.removesuffix(_suffix(out)):
        raise InspectorError(f"{out}: has no name before its suffix. Correct --out, like mine.tar.")
    if out.exists() and not _is_bundle(out):
        raise InspectorError(f"{out}: stands there already and is no bundle. Correct --out, or move it away.")


def _is_bundle(out: Path) -> bool:
    """Whether a bundle stands there: nothing else is replaced."""
    if not out.is_file():
        return False
    try:
        with tarfile.open(out) as tar:
            return any(member.name.endswith("/bundle.env") for member in itertools.islice(tar, 64))
    except (tarfile.TarError, EOFError, OSError):
        return False


def _suffix(out: Path) -> str:
    """Raises: InspectorError for a name that promises another kind of file."""
    for suffix in SUFFIXES:
        if out.name.endswith(suffix):
            return suffix
    raise InspectorError(
        f"{out}: is called {out.name}; expected a name that ends in {', '.join(SUFFIXES)}. Correct --out."
    )


def _engine(folder: Path, card: Recipe) -> str:
    """Say what engine goes along.

    Raises: EngineRefused for one whose files do not fit each other.
    """
    there = [name for name in (ENGINE, MANIFEST) if (folder / name).is_file()]
    if not there:
        return f"recipe {card}: no engine next to it; the machine runs it on its CPU, or builds one (--extra rtx)"
    made = manifest.read(folder)
    digest = hashlib.sha256(manifest.read_engine(folder)).hexdigest()
    if faults := manifest.faults(made, folder, card, digest, None, verified=False):
        raise EngineRefused("\n".join(map(str, faults)))
    proof = "proven" if made.verified else "NOT PROVEN: `deploy verify` has to run on that machine"
    return f"recipe {card}: with its engine, {made.flavour} {made.version} {made.precision}, {proof}"


def accepted(target: str) -> tuple[str, ...]:
    """Return all platform tags that run on `target`, the newest first: its glibc runs wheels for every older one.

    The last is what locally compiled wheels are called, like pycuda's; no index has such.

    Raises: InspectorError for what is no such platform.
    """
    match = re.fullmatch(r"manylinux_2_(\d{1,3})_(\w+)", target)
    if not match:
        raise InspectorError(
            f'platform is "{target}"; expected manylinux_2_N_ARCH, N of its glibc 2.N. Ask `ldd --version` there.'
        )
    minor, arch = int(match[1]), match[2]
    tags = []
    for older in range(minor, 4, -1):
        tags.append(f"manylinux_2_{older}_{arch}")
        if older in LEGACY:
            tags.append(f"{LEGACY[older]}_{arch}")
    return (*tags, f"linux_{arch}")


def _build_wheel(source: Path, wheels: Path) -> Path:
    """Build our wheel of a clean copy, so that nothing that lies about gets in and nothing is left behind."""
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(SOURCE / name, source)
    ignored = shutil.ignore_patterns("__pycache__", ENGINE, MANIFEST, KERNELS, LOG)
    for name in PACKAGES:
        shutil.copytree(SOURCE / name, source / name, ignore=ignored)
    _pip("wheel", "--no-deps", "--wheel-dir", str(wheels), str(source))
    (wheel,) = wheels.iterdir()
    return wheel


def _download(wanted: str, python: str, platforms: tuple[str, ...], wheels: Path) -> None:
    places = [part for tag in platforms for part in ("--platform", tag)]
    _pip("download", "--only-binary=:all:", "--python-version", python, *places, "--dest", str(wheels), wanted)


def _pip(*words: str) -> None:
    """Raises: InspectorError with the end of what pip reported."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        lines = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if "ERROR" in line or "error:" in line] or lines
        raise InspectorError(
            f"pip {words[0]} failed: {' '.join(errors[-3:])}. It needs a package index; mend that, or ask for another "
            "--python or --platform."
        )


def _copy_recipe(folder: Path, into: Path) -> None:
    into.mkdir(parents=True)
    shutil.copy(folder / recipe.CARD, into)
    shutil.copy(folder / recipe.MODEL, into)
    if (folder / ENGINE).is_file() and (folder / MANIFEST).is_file():
        for name in (ENGINE, MANIFEST, KERNELS):
            if (folder / name).is_file():
                shutil.copy(folder / name, into)


def _write_rest(root: Path, card: Recipe, facts: dict[str, str]) -> None:
    shutil.copy(HERE / "install.sh", root)
    copy_pages(SOURCE, root / "docs")
    (root / "README.md").write_text(README.substitute(card=card, first=f"docs/{FIRST}"), encoding="utf-8")
    (root / "install.sh").chmod(0o755)
    (root / "systemd").mkdir()
    for name in UNIT:
        shutil.copy(SOURCE / "systemd" / name, root / "systemd")
    example = Template((HERE / "example.toml").read_text(encoding="utf-8"))
    classes = json.dumps([kind.name for kind in card.classes])
    recipe_path = json.dumps(f"recipes/{facts['RECIPE']}", ensure_ascii=False)
    (root / "example.toml").write_text(example.substitute(recipe=recipe_path, classes=classes), encoding="utf-8")
    lines = "".join(f"{key}={shlex.quote(value)}\n" for key, value in facts.items())
    (root / "bundle.env").write_text(lines, encoding="utf-8")


def _sum(root: Path) -> None:
    """Write SHA256SUMS as `sha256sum --check` reads it."""
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(root)}\n" for path in paths]
    (root / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def pack(root: Path, out: Path) -> None:
    """Write the folder `root` as one tar, compressed where its name says so; whole or not at all."""

    def as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        return member

    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")  # two at once share none
    try:
        with tarfile.open(partial, SUFFIXES[_suffix(out)]) as tar:
            tar.add(root, root.name, filter=as_root)
        partial.replace(out)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
