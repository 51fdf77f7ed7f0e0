"""The configuration file: what is wrong with it is reported all at once, in words that say what to do."""

import math
from pathlib import Path

import msgspec
import pytest

from inspector.config import reader
from inspector.config.reader import Section
from inspector.errors import EXIT_CONFIG, ConfigError
from inspector.service import line
from inspector.service.line import Config
from tests.inspector.service.test_wrong_files import GOOD


def load(folder: Path, text: str | bytes) -> Config:
    """Load a file of this text."""
    path = folder / "line3.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return line.load(path)


def faults(folder: Path, text: str | bytes) -> list[str]:
    """Say what is wrong with a file of this text."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    assert caught.value.exit_code == EXIT_CONFIG
    assert str(caught.value).splitlines() == list(caught.value.faults)
    return list(caught.value.faults)


@pytest.mark.parametrize(
    "keys",
    [
        'bind = "tcp://localhost:7000"',
        'bind = "tcp://[::1]:7000"',
        'bind = "ipc:///run/inspector/l/commands"',
        'bind = "tcp://*:7000"\n[keys]\npath = "keys"',
    ],
)
def test_where_commands_may_come_from(tmp_path: Path, keys: str) -> None:
    """This machine, unless there are keys."""
    assert load(tmp_path, f"{GOOD}[commands]\n{keys}\n").commands.bind in keys


def test_every_socket_may_be_wide_with_keys(tmp_path: Path) -> None:
    """With a folder of keys all of them may be bound to all networks; the folder is taken from the file's own."""
    settings = load(tmp_path, GOOD.replace("127.0.0.1", "*") + '[keys]\npath = "line3.keys"\n')
    assert settings.keys.path == str(tmp_path / "line3.keys")


def test_a_network_of_cameras_without_keys(tmp_path: Path) -> None:
    """Frames alone may come without keys, at an address of one network, where the file says so."""
    text = GOOD.replace('tcp://127.0.0.1:5555"', 'tcp://192.168.7.2:5555"\nwithout_keys = true')
    assert load(tmp_path, text).intake.without_keys


def test_good(tmp_path: Path) -> None:
    """The smallest good file is taken, with the documented defaults, and paths from its own folder."""
    settings = load(tmp_path, GOOD)
    assert (settings.batch.max_frames, settings.batch.wait_ms, settings.intake.overload) == (4, 10, "drop-newest")
    assert settings.camera[0].side == "top"
    assert settings.journal.path == str(tmp_path / "journal")


def test_byte_order_mark(tmp_path: Path) -> None:
    """A file that Windows' Notepad wrote is taken."""
    assert load(tmp_path, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()).line == "line3"


def test_all_faults_at_once(tmp_path: Path) -> None:
    """Whoever mends a file needs one run: all faults are reported, a line each, in the order of their keys."""
    changes = (
        ('line = "line3"', 'line = ""'),
        ("tcp://127.0.0.1:5555", "5555"),
        ("tcp://127.0.0.1:5556", "tcp://*:65536"),
        ("mm_per_px = 0.6", 'mm_per_px = nan\nmm_per_pixel = 1\nside = "left"'),
        ('classes = ["scratches"]', "classes = [1]\ncount = 0"),
        ("[journal]", '[batch]\nwait_ms = "10"\n[http]\nbind = 80\n[journal]'),
    )
    text = GOOD
    for change in changes:
        text = text.replace(*change)
    keys = [fault.split()[1] for fault in faults(tmp_path, text)]
    assert keys == [
        "alarm[0].classes",
        "alarm[0].count",
        "batch.wait_ms",
        "camera[0].mm_per_pixel",
        "camera[0].mm_per_px",
        "camera[0].side",
        "events.bind",
        "http.bind",
        "intake.bind",
        "line",
    ]


def test_empty_file(tmp_path: Path) -> None:
    """Of an empty file every section that it lacks is reported."""
    found = faults(tmp_path, "")
    assert [fault.split()[1] for fault in found] == [
        "camera",
        "events",
        "intake",
        "journal",
        "line",
        "recipe",
    ]
    assert all(" is missing; expected " in fault for fault in found)


@pytest.mark.parametrize(
    ("content", "printed"),
    [
        (b"line = ", "is not TOML: Invalid value (at end of document). Mend that line."),
        (b"a = 1\na = 2\n", "is not TOML: Cannot overwrite a value (at line 2, column 6). Mend that line."),
        (b"a = " + b"[" * 10_000, "is not TOML: maximum recursion depth exceeded. Mend that line."),
        (
            b"a = " + b"9" * 5000,
            "is not TOML: Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits; use "
            "sys.set_int_max_str_digits() to increase the limit. Mend that line.",
        ),
        (
            b'line = "\xff"',
            "is not UTF-8 text: 'utf-8' codec can't decode byte 0xff in position 8: invalid start byte. "
            "Save it as UTF-8.",
        ),
    ],
)
def test_not_toml(tmp_path: Path, content: bytes, printed: str) -> None:
    """What is no TOML, or no text, is refused with the place."""
    assert faults(tmp_path, content) == [f"{tmp_path}/line3.toml: {printed}"]


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there, or is a folder, is named with its whole path."""
    for path, why in ((tmp_path / "none.toml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError) as caught:
            line.load(path)
        assert str(caught.value) == f"{path}: cannot be read: {why}. Give a TOML file."


def keys_of(section: type[Section]) -> list[tuple[str, object]]:
    """All keys of a section, sections within it included, with their types."""
    found: list[tuple[str, object]] = []
    for field in msgspec.structs.fields(section):
        found.append((f"{section.__name__}.{field.name}", field.type))
        for part in (field.type, *getattr(getattr(field.type, "__origin__", None), "__args__", ())):
            if isinstance(part, type) and issubclass(part, Section):
                found += keys_of(part)
    return found


@pytest.mark.parametrize(("name", "kind"), keys_of(Config))
def test_every_key_can_be_explained(name: str, kind: object) -> None:
    """No key lacks a meaning, and no wrong value is met by a KeyError instead of words."""
    is_section = isinstance(kind, type)
    meaning = kind.__doc__ if is_section else reader.describe(kind)[0]
    assert meaning and meaning.strip().endswith(".")
    assert reader.expected(kind)


@pytest.mark.parametrize(("name", "kind"), keys_of(Config))
def test_no_number_is_without_limits(name: str, kind: object) -> None:
    """NaN and infinity fit no key at all."""
    for value in (math.nan, math.inf, -math.inf):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(value, kind)


@pytest.mark.parametrize(("old", "new"), [("drop", "drop-newest"), ("wait", "wait")])
def test_the_overload_policy_of_before_is_understood(tmp_path: Path, old: str, new: str) -> None:
    """A configuration of version 0.2 keeps its policy, which has another name now."""
    settings = load(tmp_path, GOOD.replace("[intake]", f'[intake]\nwhen_full = "{old}"'))
    assert settings.intake.overload == new


def test_an_overload_policy_of_before_that_never_was(tmp_path: Path) -> None:
    """What cannot be translated is refused, with the key's name of today."""
    expected = "line3.toml: intake.when_full is 'shed', and is called intake.overload now: "
    expected += '"drop" is "drop-newest" now, "wait" is "wait" now. Write overload instead.'
    assert faults(tmp_path, GOOD.replace("[intake]", '[intake]\nwhen_full = "shed"')) == [expected]
    both = '[intake]\nwhen_full = "drop"\noverload = "wait"'
    expected = "line3.toml: intake.when_full is called intake.overload now, and both are given; expected one. "
    expected += "Remove when_full."
    assert faults(tmp_path, GOOD.replace("[intake]", both)) == [expected]


def test_more_credit_than_a_counter_can_tell_apart(tmp_path: Path) -> None:
    """In credit mode a number must not come round again while a frame that has it may be sent again."""
    text = GOOD.replace("mm_per_row = 0.5", "mm_per_row = 0.5\nlast_number = 255")
    credit = text.replace("[intake]", '[intake]\ntransport = "credit"\ncredit_frames = 65')
    expected = 'line3.toml: intake.credit_frames is 65, and numbers of camera "top" begin again after 256; '
    assert faults(tmp_path, credit) == [expected + "expected at most 64. Lower it."]
    assert load(tmp_path, credit.replace("= 65", "= 64")).intake.credit_frames == 64
    assert load(tmp_path, credit.replace('transport = "credit"\n', "")).intake.transport == "push"
