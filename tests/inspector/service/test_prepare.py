"""A recipe whose card and graph contradict each other is refused before anything runs, by `check` as by `run`."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import onnx
import onnx.parser
import pytest

from inspector import __main__ as inspector
from inspector.errors import EXIT_CONFIG, EXIT_DONE
from inspector.harness.ports import Ports
from tests.recipes import write_recipe

OTHER_GRAPH = """
<ir_version: 10, opset_import: ["" : 20]>
other (float[n, 3, 224, 224] image) => (float[n, 3, 224, 224] logits) { logits = Relu(image) }
"""


def replace_model(folder: Path, model: bytes) -> None:
    """Put another model in the folder, with its hash."""
    card = folder / "recipe.toml"
    (folder / "model.onnx").write_bytes(model)
    digest = hashlib.sha256(model).hexdigest()
    card.write_text(re.sub(r'sha256 = "\w+"', f'sha256 = "{digest}"', card.read_text()))


def take_a_class_out(folder: Path) -> None:
    """The card names one class fewer than the graph has."""
    card = folder / "recipe.toml"
    text = card.read_text()
    begin = text.index("[[class]]", text.index("[[class]]") + 1)
    card.write_text(text[:begin])


def put_a_class_in(folder: Path) -> None:
    """The card names one class more than the graph has."""
    card = folder / "recipe.toml"
    text = card.read_text()
    last = text[text.rindex("[[class]]") :]
    card.write_text(f"{text}\n{last.replace('id = 2', 'id = 3').replace('bright', 'brighter')}")


def another_size(folder: Path) -> None:
    """The card names another frame size."""
    card = folder / "recipe.toml"
    card.write_text(card.read_text().replace("height = 64", "height = 32"))


def no_network(folder: Path) -> None:
    """The model is no ONNX at all."""
    replace_model(folder, b"no network at all")


def empty_network(folder: Path) -> None:
    """The model is an empty file."""
    replace_model(folder, b"")


def foreign_network(folder: Path) -> None:
    """The model is another tool's."""
    replace_model(folder, onnx.parser.parse_model(OTHER_GRAPH).SerializeToString())


def write_configuration(folder: Path, recipe: str = "recipe", intake: str = "", journal: str = "journal") -> Path:
    """Write a line's file into a folder, with free ports."""
    frames, events, replay, http, _ = msgspec.structs.astuple(Ports.free())
    config = folder / "line.toml"
    config.write_text(
        f'line = "l"\n[recipe]\npath = "{recipe}"\n[intake]\nbind = "{intake or f"tcp://127.0.0.1:{frames}"}"\n'
        '[[camera]]\nname = "top"\n'
        f'mm_per_px = 1\nmm_per_row = 1\n[events]\nbind = "tcp://127.0.0.1:{events}"\n'
        f'replay_bind = "tcp://127.0.0.1:{replay}"\n[journal]\npath = "{journal}"\n[http]\nbind = "127.0.0.1:{http}"\n'
    )
    return config


@pytest.mark.parametrize(
    ("places", "printed"),
    [
        ({"journal": "line.toml"}, "line.toml is no folder; expected a folder"),
        ({"journal": "line.toml/deeper/still"}, "line.toml is no folder; expected a folder"),
        ({"journal": "x" * 300}, "File name too long; expected a folder"),
        ({"journal": "loop/journal"}, "Too many levels of symbolic links; expected a folder"),
        ({"recipe": "x" * 300}, "cannot be entered: File name too long"),
        ({"recipe": "loop"}, "nor is a recipe of that name shipped"),
        ({"intake": "ipc://HERE"}, ", a folder; expected a path for a socket"),
        (
            {"intake": "ipc://HERE/line.toml"},
            "line.toml, a file, which the socket would replace; expected another path",
        ),
    ],
)
def test_a_place_where_nothing_can_ever_be_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], places: dict[str, str], printed: str
) -> None:
    """`check` does not call good what `run` could only fail on, and be restarted for ever."""
    write_recipe(tmp_path / "recipe")
    (tmp_path / "loop").symlink_to("loop")
    config = write_configuration(
        tmp_path, **{name: place.replace("HERE", str(tmp_path)) for name, place in places.items()}
    )
    assert inspector.main(["check", str(config)]) == EXIT_CONFIG
    words = capsys.readouterr().err
    assert printed in words
    assert len(words.splitlines()) == 1


@pytest.mark.parametrize(("width", "code"), [(0, EXIT_CONFIG), (100, EXIT_CONFIG), (300, EXIT_CONFIG), (301, 0)])
def test_an_alarm_on_what_no_camera_is_wide_enough_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], width: int, code: int
) -> None:
    """The strip that a camera sees is as wide as its own frames; the recipe's, of 256 mm, where it has none."""
    write_recipe(tmp_path / "recipe")
    config = write_configuration(tmp_path)
    text = config.read_text().replace('name = "top"\n', f'name = "top"\nwidth = {width}\n')
    config.write_text(text + '[[alarm]]\nname = "wide"\nmin_width_mm = 301\n')
    assert inspector.main(["check", str(config)]) == code
    refused = f"it can never be raised, for the cameras see {width or 256} mm across"
    assert (refused in capsys.readouterr().err) == (code != 0)


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize(
    ("spoil", "printed"),
    [
        (take_a_class_out, r"`thresholds` of its model is f32 \[2\]; expected f32 \[1\]"),
        (put_a_class_in, r"`thresholds` of its model is f32 \[2\]; expected f32 \[3\]"),
        (another_size, r"`frames` of its model is u8 \[-1, 64, 256\]; expected u8 \[-1, 32, 256\]"),
        (no_network, r"cannot be read as ONNX: "),
        (empty_network, r"cannot be read as ONNX: |has inputs \[\]"),
        (foreign_network, r"has inputs \['image'\] and outputs \['logits'\]; expected \['frames', 'thresholds'\]"),
    ],
)
def test_a_card_that_is_not_its_graphs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], None], printed: str, command: str
) -> None:
    """The line is never started on it, nor restarted for ever: 78, and one line."""
    folder = write_recipe(tmp_path / "recipe")
    spoil(folder)
    config = write_configuration(tmp_path)
    if command == "check":
        assert inspector.main(["check", str(config)]) == EXIT_CONFIG
        words = capsys.readouterr().err
    else:
        done = subprocess.run(
            [sys.executable, "-m", "inspector", "run", str(config)], stderr=subprocess.PIPE, text=True, check=False
        )
        assert done.returncode == EXIT_CONFIG
        words = done.stderr
    assert re.search(printed, words)
    assert len(words.splitlines()) == 1


def test_batches_that_memory_cannot_hold_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Frames as large as may be, in batches as large as may be: each alone is allowed."""
    write_recipe(tmp_path / "recipe")
    config = write_configuration(tmp_path)
    text = config.read_text().replace("mm_per_row = 1\n", "mm_per_row = 1\nwidth = 16384\nheight = 16384\n")
    text = text.replace("[[camera]]", "max_frame_mb = 300\n[batch]\nmax_frames = {}\n[[camera]]")
    config.write_text(text.format(256))
    assert inspector.main(["check", str(config)]) == EXIT_CONFIG
    assert re.fullmatch(
        r"line.toml: batch.max_frames is 256: up to 11 batches of as many planes of 16384 x 16384 px, and 6 of their "
        r"maps, take 1580.5 GB; this machine has [0-9.]+ GB. Lower it, or intake.queue_batches.\n",
        capsys.readouterr().err,
    )


def test_a_strip_picture_that_no_file_can_hold_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A JPEG has 65 500 rows at most; the finest that is named is taken."""
    write_recipe(tmp_path / "recipe")
    config = write_configuration(tmp_path)
    text = config.read_text().replace("mm_per_row = 1\n", "mm_per_row = 1\nwidth = 1600\n")
    text += '[archive]\npath = "archive"\nstrip_mm_per_px = {}\n'
    config.write_text(text.format(0.02))
    assert inspector.main(["check", str(config)]) == EXIT_CONFIG
    assert capsys.readouterr().err == (
        "line.toml: archive.strip_mm_per_px is 0.02; expected 0, or at least 0.0247: camera top sees 1600 mm, and the "
        "strip picture has up to 65000 rows. Raise it.\n"
    )
    config.write_text(text.format(0.0247))
    assert inspector.main(["check", str(config)]) == EXIT_DONE


@pytest.mark.parametrize(
    ("section", "printed"),
    [
        ('[keys]\npath = "keys"\n', "line.toml: keys.path is {}/keys: no server.key in it; expected a folder"),
        ('[http]\ntoken_file = "token"\n', "line.toml: {}/token: cannot be read: No such file or directory"),
    ],
)
def test_a_secret_that_is_missing_is_named_with_its_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], section: str, printed: str
) -> None:
    """Of several lines, people know whose it is."""
    write_recipe(tmp_path / "recipe")
    config = write_configuration(tmp_path)
    head = config.read_text().partition("[http]")[0] if section.startswith("[http]") else config.read_text()
    config.write_text(head + section)
    assert inspector.main(["check", str(config)]) == EXIT_CONFIG
    assert capsys.readouterr().err.startswith(printed.format(tmp_path))
