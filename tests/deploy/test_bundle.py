"""A bundle made, and installed for real where there is no network."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest

from deploy.bundle import PACKAGES, PYTHONS, SOURCE, _check, accepted, bundle, pack
from inspector import recipe
from inspector.engines.nvidia import manifest
from inspector.errors import EngineRefused, InspectorError
from tests.manifests import write_engine
from tests.patience import patience_s
from tests.recipes import write_recipe

NO_NETWORK = ("unshare", "--user", "--map-root-user", "--net")


def run(*command: str | Path) -> tuple[int, str]:
    """Exit code, and all that was printed."""
    ended = subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=600
    )
    return ended.returncode, ended.stdout


def no_network() -> Sequence[str]:
    """What to put before a command so that it has no network, where this machine allows it."""
    allowed = shutil.which(NO_NETWORK[0]) and run(*NO_NETWORK, "true")[0] == 0
    return NO_NETWORK if allowed else ()


@pytest.mark.slow
def test_its_wheel_holds_all_of_the_source(box: Path) -> None:
    """Every module and page file of ours, whatever it is called, and no engine of this machine."""
    (wheel,) = (box / "wheels").glob("inline_steel_inspector-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    source = {
        str(path.relative_to(SOURCE))
        for package in PACKAGES
        for path in (SOURCE / package).rglob("*")
        if path.suffix in {".py", ".js", ".css", ".html"} and "__pycache__" not in path.parts
    }
    assert len(source) > 400 and source <= packed, source - packed
    assert not [name for name in packed if name.endswith((manifest.ENGINE, manifest.KERNELS))]


@pytest.mark.long
def test_a_bundle_installs_without_a_network(box: Path, tmp_path: Path) -> None:
    """Installed into an empty environment with no index and no network, from and to paths with a space, it runs.

    A line's configuration that was there is left alone, at the end too.
    """
    root = tmp_path / "the root"
    assert " " in str(box) and not list((box / "wheels").glob("torch*"))
    mine = root / "etc" / "inspector" / "line1.toml"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")

    code, printed = run(*no_network(), box / "install.sh", "--python", sys.executable, "--gpu", "--root", root)
    assert code == 0, printed
    assert "example.toml: good. Line line1, cameras top, recipe heavy, 1 alarm" in printed
    assert mine.read_text() == "mine"
    unit = root / "etc/systemd/system/inspector@.service"
    drop_in = unit.with_name("inspector@.service.d") / "gpu.conf"
    assert unit.is_file() and "DeviceAllow=char-nvidia rw" in drop_in.read_text()
    for name in ("model.onnx", manifest.ENGINE, manifest.MANIFEST, manifest.KERNELS):
        installed, packed = root / "etc/inspector/recipes/heavy" / name, box / "recipes/heavy" / name
        assert installed.read_bytes() == packed.read_bytes()
    program = root / "opt/inspector/bin"
    code, printed = run(
        program / "python", "-I", "-c", "import inspector, openvino, zmq, apsw, cv2; print(inspector.__file__)"
    )
    assert code == 0 and printed.startswith(str(root)), printed
    assert run(program / "inspector", "--version")[0] == 0

    assert run(box / "install.sh", "--uninstall", "--root", root)[0] == 0
    assert mine.read_text() == "mine" and not program.exists() and not unit.exists() and not drop_in.parent.exists()
    assert run(box / "install.sh", "--uninstall", "--purge", "--root", root)[0] == 0
    assert not mine.exists()


def other_python() -> Path:
    """The system's Python, where it is another file than this one."""
    for path in (Path("/usr/bin/python3"), Path("/usr/local/bin/python3")):
        if path.exists() and path.resolve() != Path(sys.executable).resolve():
            return path.resolve()
    pytest.skip("one Python on this machine")


@pytest.mark.long
@pytest.mark.parametrize("former", ["gone", "another"])
def test_the_bundles_python_takes_the_place_of_another(box: Path, tmp_path: Path, former: str) -> None:
    """Of one that the system has no more, and of one that it has; where it fails, the other one is there as before."""
    root, old = tmp_path / "root", other_python() if former == "another" else tmp_path / "python3.9"
    program = root / "opt/inspector"
    venv.create(program, with_pip=False)
    for link in program.glob("bin/python*"):
        link.unlink()
    (program / "bin/python").symlink_to(old)
    (kept := program / "lib/python3.9/site-packages/kept.py").parent.mkdir(parents=True)
    kept.touch()
    config = (program / "pyvenv.cfg").read_bytes()
    broken = tmp_path / "python without pip"
    broken.write_text(f'#!/bin/sh\n[ "$2" != venv ] || {{ {sys.executable} -m venv --without-pip "$3"; exit 1; }}\n')
    with broken.open("a") as script:
        script.write(f'exec {sys.executable} "$@"\n')
    broken.chmod(0o755)

    code, printed = run(box / "install.sh", "--python", broken, "--root", root)
    assert code == 1 and f"{program} is as it was" in printed, printed
    assert (program / "bin/python").readlink() == old and (program / "pyvenv.cfg").read_bytes() == config
    assert kept.exists() and not (program / "before").exists()

    code, printed = run(box / "install.sh", "--python", sys.executable, "--root", root)
    assert code == 0 and f"install again what you put into {program}/lib/python3.9" in printed, printed
    for name in ("python", "python3"):
        assert (program / "bin" / name).resolve() == Path(sys.executable).resolve()
    assert run(program / "bin/inspector", "--version")[0] == 0
    assert not kept.exists() and not (program / "before").exists()


@pytest.mark.slow
def test_an_altered_bundle_installs_nothing(box: Path, tmp_path: Path) -> None:
    """A file that was half copied is found before anything is written."""
    copy = shutil.copytree(box, tmp_path / "copy", copy_function=os.link)
    model = copy / "recipes/heavy/model.onnx"
    half = model.read_bytes()[:-1]
    model.unlink()
    model.write_bytes(half)
    code, printed = run(copy / "install.sh", "--python", sys.executable, "--root", tmp_path / "root")
    assert code == 1 and "altered or half copied. Copy the tar again." in printed
    assert not (tmp_path / "root").exists()


@pytest.mark.slow
def test_uninstall_removes_only_what_was_installed(box: Path, tmp_path: Path) -> None:
    """A folder of that name that is no installed inspector is left alone."""
    other = tmp_path / "opt/inspector"
    other.mkdir(parents=True)
    code, printed = run(box / "install.sh", "--uninstall", "--root", tmp_path)
    assert code == 1 and "holds something else than an installed inspector" in printed
    assert other.exists()


@pytest.mark.parametrize(("name", "compressed"), [("box.tar", False), ("box.tar.gz", True), ("box.tgz", True)])
def test_a_bundle_is_what_its_name_says(tmp_path: Path, name: str, compressed: bool) -> None:
    """Compressed where its name says so; the folder in it has the name without the suffix."""
    folder = tmp_path / "box"
    folder.mkdir()
    (folder / "bundle.env").write_text("PYTHON=3.11\n")
    pack(folder, tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(b"\x1f\x8b") == compressed
    with tarfile.open(tmp_path / name) as tar:
        assert tar.getnames() == ["box", "box/bundle.env"]


def test_older_platforms_are_accepted_too() -> None:
    """Wheels for every glibc up to that machine's, under new and old names, the newest first."""
    tags = accepted("manylinux_2_18_x86_64")
    assert tags[:3] == ("manylinux_2_18_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
    assert {"manylinux_2_5_x86_64", "manylinux1_x86_64", "manylinux2010_x86_64"} <= set(tags)
    assert "manylinux_2_19_x86_64" not in tags
    assert tags[-1] == "linux_x86_64"  # a wheel that was compiled by hand: pycuda's, in PIP_FIND_LINKS


@pytest.mark.parametrize(
    ("python", "target", "words"),
    [
        ("3.11", "linux_x86_64", r'platform is "linux_x86_64"; expected manylinux_2_N_ARCH'),
        ("3.11", "manylinux2014_x86_64", r"expected manylinux_2_N_ARCH"),
        ("cp311", "manylinux_2_28_x86_64", r'python is "cp311"; expected one of 3\.11, '),
        ("3.9", "manylinux_2_28_x86_64", r'python is "3\.9"; expected one of 3\.11, '),
    ],
)
def test_what_is_no_platform_is_refused_before_anything_is_fetched(
    tmp_path: Path, python: str, target: str, words: str
) -> None:
    """With what to ask that machine."""
    with pytest.raises(InspectorError, match=words):
        bundle(write_recipe(tmp_path), tmp_path / "a.tar", python=python, target=target, extras=(), say=print)
    assert not (tmp_path / "a.tar").exists()


def test_an_installer_says_what_is_wrong_with_the_python(tmp_path: Path) -> None:
    """Another version than the bundle's is refused, not tried."""
    shutil.copy(Path(__file__).parents[2] / "deploy" / "install.sh", tmp_path)
    os.chmod(tmp_path / "install.sh", 0o755)
    (tmp_path / "bundle.env").write_text("PYTHON=3.99\nRECIPE=tiny\nEXTRAS=''\n")
    (tmp_path / "SHA256SUMS").write_text(
        subprocess.run(["sha256sum", "bundle.env"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    )
    code, printed = run(tmp_path / "install.sh", "--python", sys.executable, "--root", tmp_path / "root")
    assert code == 1 and "expected Python 3.99. Install it, or make the bundle with another --python." in printed
    assert not (tmp_path / "root").exists()


def unpacked(folder: Path, recipe_name: str) -> Path:
    """What an unpacked bundle has of `install.sh` and a recipe, in a folder called `recipe`; Python 3.99's."""
    write_recipe(folder / "recipes" / "recipe", recipe_name)
    shutil.copy(SOURCE / "deploy" / "install.sh", folder)
    os.chmod(folder / "install.sh", 0o755)
    (folder / "bundle.env").write_text("PYTHON=3.99\nRECIPE=recipe\nEXTRAS=''\n")
    sums = subprocess.run(["sha256sum", "bundle.env"], cwd=folder, capture_output=True, text=True, check=True)
    (folder / "SHA256SUMS").write_text(sums.stdout)
    return folder


def test_a_recipe_of_another_line_is_not_replaced(tmp_path: Path) -> None:
    """Each `trainer export` may have gone to a folder called `recipe`: refused before anything is installed."""
    box, root = unpacked(tmp_path / "box", "second"), tmp_path / "root"
    there = write_recipe(root / "etc/inspector/recipes/recipe", "first")
    before = {path: path.read_bytes() for path in there.iterdir()}
    code, printed = run(box / "install.sh", "--python", sys.executable, "--root", root)
    assert code == 1 and f'{there} holds the recipe "first"; this bundle has "second". Copy its recipe to' in printed
    assert {path: path.read_bytes() for path in there.iterdir()} == before and not (root / "opt").exists()
    shutil.rmtree(there)
    for name in ("second", "none"):  # its own, and none: it goes on, to the Python
        if name == "second":
            write_recipe(there, name)
        code, printed = run(box / "install.sh", "--python", sys.executable, "--root", root)
        assert code == 1 and "expected Python 3.99" in printed
        shutil.rmtree(there, ignore_errors=True)


def install_recipe(box: Path, etc: Path, path: str = os.environ["PATH"]) -> tuple[int, str]:
    """Run that part of `install.sh` alone, with this PATH."""
    text = (box / "install.sh").read_text()
    part = text[text.index("install_recipe() {") : text.index('\ncd "$(dirname')]
    words = f"set -eu; cd '{box}'; . ./bundle.env; etc='{etc}' PATH='{path}'; mkdir -p \"$etc/inspector/recipes\"\n"
    return run("sh", "-c", f"{words}{part}\ninstall_recipe")


def test_a_recipe_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    """Where copying fails, as on a full disk, the recipe is the one of before; an engine that was built here stays."""
    box, etc = unpacked(tmp_path / "box", "mine"), tmp_path / "etc"
    there, packed = etc / "inspector/recipes/recipe", box / "recipes/recipe"
    assert install_recipe(box, etc) == (0, "")
    assert {path.name: path.read_bytes() for path in there.iterdir()} == {
        path.name: path.read_bytes() for path in packed.iterdir()
    }
    (there / manifest.ENGINE).write_bytes(b"built here")
    before = {path.name: path.read_bytes() for path in there.iterdir()}
    assert install_recipe(box, etc) == (0, "")  # the same again
    (packed / recipe.CARD).write_text((packed / recipe.CARD).read_text() + "# newer\n")
    (tools := tmp_path / "tools").mkdir()
    (tools / "install").write_text("#!/bin/sh\nfor to; do :; done; echo half >$to/model.onnx; exit 1\n")
    (tools / "install").chmod(0o755)
    assert install_recipe(box, etc, f"{tools}:{os.environ['PATH']}")[0] == 1
    assert {path.name: path.read_bytes() for path in there.iterdir()} == before
    code, printed = install_recipe(box, etc)
    assert code == 0 and "recipe recipe was another: what was there is kept as" in printed
    after = {path.name: path.read_bytes() for path in there.iterdir()}
    assert after == before | {recipe.CARD: (packed / recipe.CARD).read_bytes()}
    (kept,) = there.parent.glob("recipe.before-*")
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == before
    (packed / manifest.ENGINE).write_bytes(b"packed")
    (there / manifest.KERNELS).write_bytes(b"of the engine built here")
    shutil.rmtree(kept)
    assert install_recipe(box, etc)[0] == 0
    assert (there / manifest.ENGINE).read_bytes() == b"packed" and not (there / manifest.KERNELS).exists()
    assert sorted(path.name.partition("-")[0] for path in there.parent.iterdir()) == ["recipe", "recipe.before"]


@pytest.mark.parametrize(
    ("extras", "out", "words"),
    [
        (("rtxx",), "box.tar", r"extra is rtxx; expected some of .*rtx"),
        ((), "nowhere/box.tar", r"box\.tar: .*nowhere is not there"),
        ((), ".", r"is a folder; expected a file's name"),
        ((), "box.zip", r"is called box\.zip; expected a name that ends in \.tar, \.tar\.gz, \.tgz"),
        ((), ".tar", r"has no name before its suffix"),
    ],
)
def test_slips_are_refused_before_anything_is_fetched(
    tmp_path: Path, extras: tuple[str, ...], out: str, words: str
) -> None:
    """Not after minutes, and not by an installer in the mill."""
    folder = write_recipe(tmp_path / "tiny")
    with pytest.raises(InspectorError, match=words):
        bundle(folder, tmp_path / out, python="3.11", target="manylinux_2_28_x86_64", extras=extras, say=print)


@pytest.mark.parametrize("other", ["text", "tar", "pipe"])
def test_what_is_no_bundle_is_not_replaced(tmp_path: Path, other: str) -> None:
    """A slip of --out costs nobody a file; a bundle of before gives way."""
    folder, out = write_recipe(tmp_path / "tiny"), tmp_path / "box.tar"
    if other == "pipe":
        os.mkfifo(out)
    else:
        (tmp_path / "box").mkdir()
        (tmp_path / "box" / "letter").write_text("to keep")
        out.write_text("to keep") if other == "text" else pack(tmp_path / "box", out)
    with pytest.raises(InspectorError, match=r"box\.tar: stands there already and is no bundle"):
        bundle(folder, out, python="3.11", target="manylinux_2_28_x86_64", extras=(), say=print)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "bundle.env").write_text("PYTHON=3.11")
    pack(tmp_path / "old", old := tmp_path / "old.tar.gz")
    _check(old, "3.11", ())


def test_an_engine_that_the_line_would_refuse_is_not_packed(tmp_path: Path) -> None:
    """Altered here, or not of this recipe: reported here, where it can be built again."""
    folder = write_recipe(tmp_path / "tiny")
    write_engine(folder, recipe.read_card(folder), onnx_sha256="0" * 64)
    with pytest.raises(EngineRefused, match="onnx_sha256"):
        bundle(folder, tmp_path / "a.tar", python="3.11", target="manylinux_2_28_x86_64", extras=(), say=print)


def test_the_pythons_are_those_of_the_project() -> None:
    """`requires-python` and what a bundle may be made for are one."""
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    newest = int(PYTHONS[-1].partition(".")[2])
    assert project["requires-python"] == f">={PYTHONS[0]},<3.{newest + 1}"


def pack_with(barrier: Barrier, root: Path, out: Path) -> None:
    """Pack as soon as another is about to."""
    barrier.wait()
    pack(root, out)


def test_two_at_once_write_one_whole_file(tmp_path: Path) -> None:
    """Neither takes the other's unfinished file: both end well, and what is there is one of them."""
    (root := tmp_path / "b").mkdir()
    content = np.random.default_rng(0).bytes(2**23)
    (root / "wheel").write_bytes(content)
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(2)
    both = [spawn.Process(target=pack_with, args=(barrier, root, tmp_path / "b.tar.gz")) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(2 * patience_s())
    assert [process.exitcode for process in both] == [0, 0]
    with tarfile.open(tmp_path / "b.tar.gz") as tar:
        member = tar.extractfile("b/wheel")
        assert member is not None and member.read() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "b.tar.gz"]
