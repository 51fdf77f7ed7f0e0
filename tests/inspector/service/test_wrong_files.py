"""Wrong configurations, each with all that `inspector check` prints of it: one line that says what to do, and 78."""

from __future__ import annotations

from pathlib import Path

import pytest

from inspector import __main__ as inspector
from inspector.errors import EXIT_CONFIG

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
        "batch.max_farmes is not a key; expected one of max_frames, wait_ms, gather_ms. Did you mean batch.max_frames?"
    ),
    ("[recipe]", '[batch]\n"a\\nline3.toml: good" = 1\n[recipe]'): (
        r"batch.'a\nline3.toml: good' is not a key; expected one of max_frames, wait_ms, gather_ms. Remove it."
    ),
    ('line = "line3"', f"line{'.a' * 3000} = 1"): f"line is nested without end; {NAME}Correct the value.",
    ('line = "line3"', 'line = "line3"\nroll = [3]'): (
        "roll[0] is 3; expected a section. Write [[roll]] on a line of its own."
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
    (
        'tcp://127.0.0.1:5556"\nreplay_bind = "tcp://127.0.0.1:5557',
        'tcp://127.0.0.1:0555"\nreplay_bind = "tcp://localhost:555',
    ): (
        'address "tcp://127.0.0.1:0555" and "tcp://localhost:555" is used for two sockets; expected one each. Choose '
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
    ("mm_per_row = 0.5", 'mm_per_row = 0.5\nside = "left"'): (
        'camera[0].side is \'left\'; expected one of "top", "bottom". Correct the value.'
    ),
    ("mm_per_row = 0.5", "mm_per_row = 0.5\nrows_per_s = 4000"): (
        'camera "top" has rows_per_s, and travel.speed_m_min is 0; expected the speed that goes with it. Write '
        "[travel] speed_m_min, or remove rows_per_s."
    ),
    ("[journal]", "[travel]\nspeed_m_min = 600\n[journal]"): (
        "travel.speed_m_min is 600, and no camera has rows_per_s: it concerns none. Write rows_per_s for each "
        "camera without an encoder, or remove it."
    ),
    (
        "[[alarm]]",
        '[[roll]]\nname = "r"\ncircumference_mm = 1500\n[[roll]]\nname = "r"\ncircumference_mm = 900\n[[alarm]]',
    ): ('roll name "r" is given 2 times; expected once. Rename the others.'),
    ("[[alarm]]", "[repeat]\nmin_period_mm = 500\nmax_period_mm = 400\n[[alarm]]"): (
        "repeat.min_period_mm is 500; expected less than repeat.max_period_mm, 400. Correct one of them."
    ),
    ('tcp://127.0.0.1:5555"', 'tcp://127.0.0.1:5555"\noverload = "drop-random"'): (
        'intake.overload is \'drop-random\'; expected one of "wait", "drop-oldest", "drop-newest". It was called '
        'when_full: "drop" is "drop-newest" now, "wait" is "wait" now.'
    ),
    ('tcp://127.0.0.1:5555"', 'tcp://127.0.0.1:5555"\nmax_age_ms = -1'): (
        "intake.max_age_ms is -1; expected a whole number 0..3600000. 200 is what mills ask of an answer."
    ),
    ('tcp://127.0.0.1:5555"', 'tcp://127.0.0.1:5555"\ntransport = "udp"'): (
        'intake.transport is \'udp\'; expected one of "push", "credit". Correct the value.'
    ),
    ('"journal"', '"journal"\nmax_mb = 0'): (
        "journal.max_mb is 0; expected a whole number 8..1000000. 1024 holds about two million events."
    ),
    ('"journal"', '"journal"\nmax_day = 3'): (
        "journal.max_day is not a key; expected one of path, mount_point, max_mb, max_days. "
        "Did you mean journal.max_days?"
    ),
    ("[events]", '[[trigger]]\nname = "t"\naction = "jump"\nposition_m = 5\n[events]'): (
        'trigger[0].action is \'jump\'; expected one of "stop", "slow", "mark". Correct the value.'
    ),
    ("[events]", "[flood]\nmore_than = 0\n[events]"): (
        "flood.more_than is 0; expected a whole number 1..10000. Correct the value."
    ),
    ("[events]", '[[defect]]\nname = "crack"\n[[defect]]\nname = "crack"\n[events]'): (
        'defect name "crack" is given 2 times; expected once. Rename the others.'
    ),
    ("[events]", '[[grading]]\nname = "g"\n[events]'): (
        "grading[0].version is missing; expected text of up to 64 letters, digits and _ . : / -. Add it: Version "
        "of these rules; it stands in every grade. Change it with the rules."
    ),
    ("[journal]", "[archive]\nmax_gb = 1e9\n[journal]"): (
        "archive.max_gb is 1000000000.0; expected a number above 0 and up to 100000. Correct the value."
    ),
    ('name = "top"', 'name = "Kamera Süd"'): (
        "camera[0].name is 'Kamera Süd'; expected text of up to 64 letters, digits and _ . : / -. Correct the value."
    ),
    ('name = "top"\n', ""): (
        "camera[0].name is missing; expected text of up to 64 letters, digits and _ . : / -. Add it: As in the "
        "frame header."
    ),
    ("[journal]", "[camera_health]\ndark_level = 300\n[journal]"): (
        "camera_health.dark_level is not a key; expected one of frames, frozen_frames, dark_grey, "
        "saturated_percent, flat_grey, blurred_share, shift_mm, learn_frames, clock_s, silent_s. Did you mean "
        "camera_health.dark_grey?"
    ),
}


def test_there_are_many() -> None:
    """Fifty kinds of mistakes, at least, have their own words."""
    assert len(FAULTS) >= 50 and len(set(FAULTS.values())) >= 50


@pytest.mark.parametrize(("change", "printed"), FAULTS.items())
def test_wrong_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], printed: str) -> None:
    """Each wrong file gets exactly the words that name key, what was found and expected, and what to do; and 78."""
    assert GOOD.count(change[0]) == 1
    path = tmp_path / "line3.toml"
    path.write_text(GOOD.replace(*change), encoding="utf-8")
    assert inspector.main(["check", str(path)]) == EXIT_CONFIG
    found = capsys.readouterr()
    assert (found.out, found.err) == ("", f"line3.toml: {printed}\n")
