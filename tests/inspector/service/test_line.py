"""The configuration file: what is wrong with it is reported all at once, in words that say what to do."""

import math
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from inspector.config import reader
from inspector.config.reader import Section
from inspector.errors import EXIT_CONFIG, ConfigError
from inspector.records.stages import REASONS, Drop, Rejection
from inspector.service import line
from inspector.service.line import Config

GOOD = """
line = "line3"
[recipe]
path = "steel-r34"
[intake]
bind = "tcp://127.0.0.1:5555"
[[camera]]
name = "top"
mm_per_px = 0.6
mm_per_row = 0.5
[[alarm]]
name = "scratches"
classes = ["scratches"]
[events]
bind = "tcp://127.0.0.1:5556"
replay_bind = "tcp://127.0.0.1:5557"
[journal]
path = "journal"
"""
SECTIONS = (
    "line, recipe, engine, intake, batch, camera, travel, alarm, flood, camera_health, analysis, defect, repeat, roll, "
    "severity, grading, trigger, events, journal, archive, http, commands, keys"
)
SOCKET = 'expected text like tcp://127.0.0.1:5555. Write "tcp://HOST:PORT" or "ipc:///run/inspector/LINE/NAME".'
LETTERS = "text of up to 64 letters, digits and _ . : / -"
NAME = f"expected {LETTERS}. "
NAMES = f'expected a list of {LETTERS}, at least one. Write classes = ["NAME"].'
NO_KEYS = (
    "and there are no keys: whoever does {}. Expected loopback, ipc, or keys. Write tcp://127.0.0.1:PORT, or run "
    '`inspector keys new NAME` and write [keys] path = "keys".'
)
LIST = "expected a list of sections, at least one. "

FAULTS = {
    # what is changed in the good file: what is reported
    ("[recipe]", "[batch]\nwait_ms = -5\n[recipe]"): (
        "batch.wait_ms is -5; expected a whole number 1..1000. Set 10 for a 60 fps line."
    ),
    ("[recipe]", "[batch]\nwait_ms = 10.5\n[recipe]"): (
        "batch.wait_ms is 10.5; expected a whole number 1..1000. Set 10 for a 60 fps line."
    ),
    ("[recipe]", "[batch]\nwait_ms = true\n[recipe]"): (
        "batch.wait_ms is True; expected a whole number 1..1000. Set 10 for a 60 fps line."
    ),
    ("[recipe]", "[batch]\nmax_farmes = 4\n[recipe]"): (
        "batch.max_farmes is not a key; expected one of max_frames, wait_ms. Did you mean batch.max_frames?"
    ),
    ("[recipe]", "[gpu]\nkind = 1\n[recipe]"): (f"gpu is not a key; expected one of {SECTIONS}. Remove it."),
    ("[recipe]", '[engine]\nkind = "tensorflow"\n[recipe]'): (
        'engine.kind is \'tensorflow\'; expected one of "openvino", "tensorrt", "stub". Correct the value.'
    ),
    ("[recipe]", '[engine]\nkind = "stub"\n[recipe]'): (
        'engine.kind is "stub" and engine.inspects_nothing is false; expected kind "stub" and true together '
        "(tests and benches), or neither. Remove both to inspect a line."
    ),
    ("[recipe]", "[engine]\nrebuild = 1\n[recipe]"): (
        "engine.rebuild is 1; expected true or false. Correct the value."
    ),
    ('[recipe]\npath = "steel-r34"', "recipe = 3"): (
        "recipe is 3; expected a section. Write [recipe] on a line of its own."
    ),
    ('[recipe]\npath = "steel-r34"', '[recipe]\npath = ""'): (
        "recipe.path is ''; expected text, not empty. Correct the value."
    ),
    ('[recipe]\npath = "steel-r34"', ""): (
        "recipe is missing; expected a section. Add it: Which network assesses the strip."
    ),
    ('line = "line3"\n', ""): (f"line is missing; {NAME}Add it: Name of the line; it stands in every event's source."),
    ('line = "line3"', 'line = "line 3"'): f"line is 'line 3'; {NAME}Correct the value.",
    ('line = "line3"', 'line = "line3\\n"'): f"line is 'line3\\n'; {NAME}Correct the value.",
    ('line = "line3"', f'line = "{"x" * 65}"'): f"line is '{'x' * 65}'; {NAME}Correct the value.",
    ("tcp://127.0.0.1:5555", "5555"): f"intake.bind is '5555'; {SOCKET}",
    ("tcp://127.0.0.1:5555", "tcp://*:65536"): f"intake.bind is 'tcp://*:65536'; {SOCKET}",
    ("tcp://127.0.0.1:5555", "udp://*:5555"): f"intake.bind is 'udp://*:5555'; {SOCKET}",
    ("tcp://127.0.0.1:5556", "tcp://127.0.0.1:5555"): (
        'address "tcp://127.0.0.1:5555" is used for two sockets; expected one each. Choose another port.'
    ),
    ("[journal]", '[http]\nbind = "0.0.0.0:5555"\n[journal]'): (
        'address "tcp://127.0.0.1:5555" and "tcp://0.0.0.0:5555" is used for two sockets; expected one each. Choose '
        "another port."
    ),
    ("[journal]", '[http]\nbind = "localhost:5557"\n[journal]'): (
        'address "tcp://127.0.0.1:5557" and "tcp://localhost:5557" is used for two sockets; expected one each. Choose '
        "another port."
    ),
    ("tcp://127.0.0.1:5555", "ipc:///run/" + 103 * "x"): (
        f"ipc:///run/{103 * 'x'} has 108 bytes behind ipc://; expected at most 107. Choose a shorter path."
    ),
    ('"journal"', r'"a\u0000b"'): r"journal.path is 'a\x00b'; expected text without NUL. Take it out.",
    ("tcp://127.0.0.1:5555", r"ipc:///run/a\u0000b"): (
        r"intake.bind is 'ipc:///run/a\x00b'; expected text without NUL. Take it out."
    ),
    ("[journal]", '[http]\nbind = "9477"\n[journal]'): (
        "http.bind is '9477'; expected text like 127.0.0.1:9477. Write \"HOST:PORT\"."
    ),
    ("[[camera]]", "[camera]"): (
        f"camera is {{'name': 'top', 'mm_per_px': 0.6, 'mm_per_row': 0.5}}; {LIST}"
        "Write [[camera]] on a line of its own."
    ),
    ('[[camera]]\nname = "top"\nmm_per_px = 0.6\nmm_per_row = 0.5', ""): (
        f"camera is missing; {LIST}Add it: A [[camera]] section for each camera."
    ),
    ("mm_per_px = 0.6", "mm_per_px = nan"): (
        "camera[0].mm_per_px is nan; expected a number above 0 and up to 100. Correct the value."
    ),
    ("mm_per_px = 0.6", "mm_per_px = inf"): (
        "camera[0].mm_per_px is inf; expected a number above 0 and up to 100. Correct the value."
    ),
    ("mm_per_px = 0.6", "mm_per_px = 0"): (
        "camera[0].mm_per_px is 0; expected a number above 0 and up to 100. Correct the value."
    ),
    ("mm_per_px = 0.6", 'mm_per_px = "0.6"'): (
        "camera[0].mm_per_px is '0.6'; expected a number above 0 and up to 100. Correct the value."
    ),
    ("[journal]", '[commands]\nbind = "tcp://0.0.0.0:5558"\n[journal]'): (
        f"commands.bind is tcp://0.0.0.0:5558, which other machines reach, {NO_KEYS.format('commands the line')}"
    ),
    ("[journal]", '[commands]\nbind = "tcp://127.1.evil.com:5558"\n[journal]'): (
        f"commands.bind is tcp://127.1.evil.com:5558, which other machines reach, {NO_KEYS.format('commands the line')}"
    ),
    ("tcp://127.0.0.1:5555", "tcp://*:5555"): (
        f"intake.bind is tcp://*:5555, which other machines reach, {NO_KEYS.format('sends frames')}"
    ),
    ("tcp://127.0.0.1:5556", "tcp://[::]:5556"): (
        f"events.bind is tcp://[::]:5556, which other machines reach, {NO_KEYS.format('sees all events')}"
    ),
    ("tcp://127.0.0.1:5557", "tcp://192.168.7.2:5557"): (
        f"events.replay_bind is tcp://192.168.7.2:5557, which other machines reach, {NO_KEYS.format('sees all events')}"
    ),
    ('tcp://127.0.0.1:5555"', 'tcp://0.0.0.0:5555"\nwithout_keys = true'): (
        "intake.without_keys is true, and intake.bind is tcp://0.0.0.0:5555, which every network reaches; expected the "
        "address of the cameras' own network. Write tcp://ADDRESS:PORT, or remove without_keys and use keys."
    ),
    ("[journal]", "[keys]\nloopback = true\n[journal]"): (
        'keys.loopback is true without keys.path; expected a folder of keys. Write path = "keys", or remove it.'
    ),
    ("[journal]", "[commands]\nopen_to_network = true\n[journal]"): (
        "commands.open_to_network is not a key; expected one of bind. Remove it."
    ),
    ("[[alarm]]", '[[camera]]\nname = "top"\nmm_per_px = 1\nmm_per_row = 1\n[[alarm]]'): (
        'camera name "top" is given 2 times; expected once. Rename the others.'
    ),
    ("[events]", '[[alarm]]\nname = "scratches"\nclasses = ["cracks"]\n[events]'): (
        'alarm name "scratches" is given 2 times; expected once. Rename the others.'
    ),
    ('classes = ["scratches"]', 'classes = ["scratches"]\nmin_length_mm = inf'): (
        "alarm[0].min_length_mm is inf; expected a number 0..1000000. Correct the value."
    ),
    ('classes = ["scratches"]', "classes = []"): f"alarm[0].classes is []; {NAMES}",
    ('classes = ["scratches"]', 'classes = "scratches"'): f"alarm[0].classes is 'scratches'; {NAMES}",
}


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


@pytest.mark.parametrize(("change", "printed"), FAULTS.items())
def test_fault(tmp_path: Path, change: tuple[str, str], printed: str) -> None:
    """Each bad file gets exactly the words that name key, what was found and expected, and what to do."""
    assert GOOD.count(change[0]) == 1
    assert faults(tmp_path, GOOD.replace(*change)) == [f"line3.toml: {printed}"]


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


def test_readme_has_every_reason() -> None:
    """The README explains every reason for which a frame is not inspected, in the words of the code."""
    text = (Path(__file__).parents[3] / "inspector" / "README.md").read_text(encoding="utf-8")
    assert set(REASONS) == {*get_args(Rejection), *get_args(Drop), "lost"}
    for reason, meaning in REASONS.items():
        assert re.search(rf"^\| `{reason}` \| \w+ \| {re.escape(meaning)} \|$", text, re.MULTILINE), reason


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
