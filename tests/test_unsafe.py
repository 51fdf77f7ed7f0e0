"""Nothing here turns bytes into code: no pickle, no evaluated text, no shell, no weights that are more than weights."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from inspector import plain_file, recipe
from inspector.engines.nvidia import manifest
from inspector.errors import RecipeError
from tests.recipes import write_recipe

ROOT = Path(__file__).parents[1]
PACKAGES = ("inspector", "trainer", "deploy")
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle", "yaml"}
CALLS = {"eval", "exec", "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
PICKLED = {"pd.read_pickle", "pandas.read_pickle", "np.lib.format.read_array"}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Yield each call of a file, with its dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def faults(tree: ast.AST) -> Iterator[str]:
    """Yield what turns bytes into code."""
    for node in ast.walk(tree):
        names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (name for name in names if name.partition(".")[0] in MODULES)
    for name, call in calls(tree):
        options = {option.arg: ast.unparse(option.value) for option in call.keywords}
        if (
            name in CALLS | PICKLED
            or options.get("shell", "False") != "False"
            or options.get("allow_pickle", "False") != "False"
            or name.endswith(("recv_pyobj", "send_pyobj"))
            or (name == "torch.load" and options.get("weights_only") != "True")
        ):
            yield name


@pytest.mark.parametrize("package", PACKAGES)
def test_no_pickle_no_eval_no_shell(package: str) -> None:
    """No file of ours reads a pickle, evaluates text or runs a shell."""
    paths = sorted((ROOT / package).rglob("*.py"))
    assert len(paths) > 10
    found = {str(path.relative_to(ROOT)): list(faults(ast.parse(path.read_text(encoding="utf-8")))) for path in paths}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from pickle import loads",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "socket.recv_pyobj()",
        "eval(text)",
        "subprocess.run(words, shell=True)",
    ],
)
def test_the_test_above_can_fail(text: str) -> None:
    """Each of what it looks for is found."""
    assert list(faults(ast.parse(text)))


def test_numpy_reads_no_pickle_unless_asked(tmp_path: Path) -> None:
    """What `np.load` does without `allow_pickle`, which the test above relies on."""
    np.save(tmp_path / "a.npy", np.array([object()]), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        np.load(tmp_path / "a.npy")


def swapping(monkeypatch: pytest.MonkeyPatch, target: Path, swapped: bytes) -> Callable[[], int]:
    """Have a file replaced the moment that it was read, as somebody quick would; return how often it was read."""
    read, count = plain_file.read, [0]

    def read_and_swap(path: Path) -> bytes:
        content = read(path)
        if path == target:
            count[0] += 1
            path.write_bytes(swapped)
        return content

    monkeypatch.setattr(plain_file, "read", read_and_swap)
    return lambda: count[0]


def test_a_model_is_hashed_from_the_bytes_that_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is swapped behind the check is not the one that is loaded; the file is read once."""
    model = write_recipe(tmp_path) / "model.onnx"
    good = model.read_bytes()
    times = swapping(monkeypatch, model, b"something else")
    card, loaded = recipe.load(tmp_path)
    assert (loaded, hashlib.sha256(loaded).hexdigest(), times()) == (good, card.sha256, 1)
    with pytest.raises(RecipeError, match="sha256 is"):
        recipe.load(tmp_path)


def test_an_engine_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is an engine: `loader.check` hashes the bytes that it returns, and they come from one reading."""
    engine = tmp_path / manifest.ENGINE
    engine.write_bytes(b"plan")
    times = swapping(monkeypatch, engine, b"another")
    assert (manifest.read_engine(tmp_path), times()) == (b"plan", 1)
