"""The daemon as its users meet it: a process, its sockets, its signals, its exit codes."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from inspector import wire
from inspector.records.events import Alarm, CoilReport, Defect, Health, Missed
from inspector.records.frame import Header
from tests.e2e.mill import FRAME_MM, Camera, Mill, paint
from tests.patience import patience_s
from tests.recipes import BRIGHT, DARK, HEIGHT, WIDTH, renew, write_recipe


def test_a_painted_coil_comes_out_as_defects_alarm_and_report(tmp_path: Path) -> None:
    """What is painted on frames is reported once, in millimetres on the coil, with one alarm and the coil's totals."""
    with Mill(tmp_path) as mill, Camera(mill) as camera:
        for number in range(12):
            boxes = [(10, 30, 20, 40, DARK)] if number in (2, 4, 6) else []
            if 7 <= number <= 9:
                boxes = [(0, HEIGHT, 100, 108, BRIGHT)]  # one scratch over three frames
            camera.send(*boxes, encoding=("raw8", "png")[number % 2])
        camera.send(coil="C2")
        received = mill.received("coil.ended")
        data = [event.data for event in received]
        phases = [item.phase for item in data if isinstance(item, Defect) and item.name == "bright"]
        assert phases == ["new", "update", "end"], "a scratch is known from its first frame on"
        defects = [item for item in data if isinstance(item, Defect) and item.is_whole]
        assert [item.name for item in defects] == ["dark", "dark", "dark", "bright"]
        scratch = defects[-1]
        assert (scratch.start_mm, scratch.end_mm) == (7 * FRAME_MM, 10 * FRAME_MM)
        assert (scratch.left_mm, scratch.right_mm, scratch.frames) == (50.0, 54.0, 3)
        assert defects[0].start_mm == 2 * FRAME_MM + 5 and defects[0].area_mm2 == 100.0
        alarms = [item for item in data if isinstance(item, Alarm)]
        assert [(item.name, item.state, item.count) for item in alarms] == [("three-dark", "unacknowledged", 3)]
        ended = data[-1]
        assert isinstance(ended, CoilReport)
        assert (ended.coil, ended.frames, ended.missed_m) == ("C1", 12, 0.0)
        assert ended.defects == {"bright": 1, "dark": 3}
        assert [event.seq for event in received] == list(range(1, len(received) + 1))
        assert mill.stop()[0] == 0


def test_every_bad_frame_is_counted_and_its_strip_is_reported_as_missed(tmp_path: Path) -> None:
    """Bad input of every kind never stops the line; each has its reason, and no stretch is silent."""
    with Mill(tmp_path) as mill, Camera(mill) as camera:

        def broken(reason: str) -> None:
            header, payload = wire.frame_message(paint(), camera="top", boot="b1", number=0, captured_ns=1)
            header = camera.feed.numbered(header, "C1", captured_ns=1)
            head, body = wire.encode(header, payload)
            messages = {
                "parts": (head,),
                "json": (b"{nonsense", body),
                "version": (bytes(head).replace(b'"v":1', b'"v":9'), body),
                "header": (bytes(head).replace(b'"boot":"b1",', b""), body),
                "camera": (bytes(head).replace(b'"camera":"top"', b'"camera":"spy"'), body),
                "size": wire.encode(msgspec.structs.replace(header, height=HEIGHT // 2), payload),
                "crc": (head, bytes(body)[:-1] + b"\x00"),
                "decode": wire.encode(*_as_png(header)),
            }
            camera.send_parts(*messages[reason])
            camera.skip()

        reasons = ["parts", "json", "version", "header", "camera", "size", "crc", "decode"]
        camera.send()
        for reason in reasons:
            broken(reason)
            camera.send()
        mill.until(len(reasons) + 1)
        for reason in reasons:
            assert mill.metric("inspector_frames_rejected_total", reason=reason) == 1, reason
        assert mill.metric("inspector_strip_missed_metres_total") == pytest.approx(len(reasons) * FRAME_MM / 1000)
        assert mill.metric("inspector_frames_received_total") == 2 * len(reasons) + 1
        assert mill.metric("inspector_frames_in_flight") == 0
        missed = [event.data for event in mill.received("missed.top")]
        assert isinstance(missed[-1], Missed)
        assert (missed[-1].start_mm, missed[-1].end_mm) == (FRAME_MM, 2 * FRAME_MM)


def _as_png(header: Header) -> tuple[Header, bytes]:
    import zlib

    junk = b"\x89PNG\r\n\x1a\n but no image"
    return msgspec.structs.replace(header, encoding="png", crc32=zlib.crc32(junk)), junk


def test_sigterm_drains_what_had_arrived(tmp_path: Path) -> None:
    """Every frame sent before SIGTERM is inspected or reported as lost, the coil is closed, and the exit code is 0."""
    with Mill(tmp_path) as mill:
        with Camera(mill) as camera:
            for _ in range(30):
                camera.send((10, 30, 20, 40, DARK))
            mill.until(1)
        code, words = mill.stop()
        assert code == 0, words
        mill.start()  # the journal has what the first run reported
        data = [event.data for event in mill.received("health.stopping")]
        ended = [item for item in data if isinstance(item, CoilReport) and item.state == "ended"]
        assert [(item.frames, item.defects) for item in ended] == [(30, {"dark": 30})]


def test_overload_is_shed_and_reported(tmp_path: Path) -> None:
    """Of frames that come too fast for "drop-newest" each ends as inspected, dropped or missing."""
    with Mill(tmp_path, overload="drop-newest") as mill, Camera(mill) as camera:
        for _ in range(600):
            camera.send((10, 30, 20, 40, DARK), (40, 60, 100, 200, BRIGHT))
        mill.until(600, "inspector_frames_received_total")
        camera.send(coil="C2")
        mill.received("coil.ended")
        ends = ("inspected", "dropped", "rejected", "missing")  # counted once what is reported is published
        mill.wait_until(
            lambda: sum(mill.metric(f"inspector_frames_{end}_total") for end in ends) >= 601, "count each frame"
        )
        assert sum(mill.metric(f"inspector_frames_{end}_total") for end in ends) == 601
        assert mill.metric("inspector_frames_in_flight") == 0
        strip_m = mill.metric("inspector_strip_inspected_metres_total") + mill.metric(
            "inspector_strip_missed_metres_total"
        )
        assert strip_m == pytest.approx(601 * FRAME_MM / 1000, abs=0.001)


def test_a_frame_that_is_too_old_is_not_inspected(tmp_path: Path) -> None:
    """A frame captured longer ago than `max_age_ms` is dropped for that reason, and its strip reported as missed."""
    with Mill(tmp_path, max_age_ms=60_000) as mill, Camera(mill) as camera:
        camera.send()
        header, payload = wire.frame_message(paint(), camera="top", boot="b1", number=0, captured_ns=0)
        camera.send_parts(*wire.encode(camera.feed.numbered(header, "C1", captured_ns=1), payload))
        camera.skip()
        camera.send()
        mill.until(2)
        assert mill.metric("inspector_frames_dropped_total", reason="too_old") == 1
        missed = mill.received("missed.top")[-1].data
        assert isinstance(missed, Missed)
        assert (missed.start_mm, missed.end_mm, missed.reasons) == (FRAME_MM, 2 * FRAME_MM, {"too_old": 1})


def test_sighup_takes_a_good_recipe_and_refuses_a_bad_one(tmp_path: Path) -> None:
    """A reload swaps the recipe while frames run; an altered recipe is refused and the old one goes on."""
    with Mill(tmp_path) as mill, Camera(mill) as camera:
        camera.send((10, 30, 20, 40, 60))  # probability 0.4: below the threshold of 0.5
        write_recipe(tmp_path / "recipe", name="keener", threshold=0.3)
        mill.daemon.reload()
        assert isinstance(mill.received("health.reloaded")[-1].data, Health)
        camera.send((10, 30, 20, 40, 60))
        camera.send()
        defect = mill.received("defect.dark")[-1].data
        assert isinstance(defect, Defect) and defect.recipe == "keener@1" and defect.start_mm > FRAME_MM
        (tmp_path / "recipe" / "model.onnx").write_bytes(b"altered")
        mill.daemon.reload()
        failed = mill.received("health.reload_failed")[-1].data
        assert isinstance(failed, Health) and "sha256" in failed.message
        assert mill.metric("inspector_last_reload_success") == 0
        camera.send()
        mill.until(4)


def test_acknowledgement_over_http_is_an_event(tmp_path: Path) -> None:
    """An operator's acknowledgement reaches the alarm, and its new state is published; without the token it is none."""
    mill = Mill(tmp_path)
    mill.config.write_text(mill.config.read_text().replace("[http]\n", '[http]\ntoken_file = "token"\n'))
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("0123456789abcdef\n")
    with mill, Camera(mill) as camera:
        for _ in range(4):
            camera.send((10, 30, 20, 40, DARK))
        mill.received("alarm.three-dark")
        words = ["acknowledge", "three-dark", "--http", f"127.0.0.1:{mill.ports.http}"]
        words = [sys.executable, "-m", "inspector", *words]
        refused = subprocess.run(words, check=False, capture_output=True, text=True)
        assert (refused.returncode, "expected the token" in refused.stderr) == (1, True)
        subprocess.run([*words, "--token-file", str(token)], check=True, capture_output=True)
        states = []
        with mill.listen() as events:
            for event in events:
                if isinstance(event.data, Alarm):
                    states.append(event.data.state)
                if len(states) == 2:
                    break
        assert states == ["unacknowledged", "acknowledged"]


def test_a_bad_configuration_exits_78_with_a_line_for_each_fault(tmp_path: Path) -> None:
    """systemd learns not to restart, and the reader what to do."""
    mill = Mill(tmp_path)
    mill.write(extra="[batch]\nwait_ms = -5\nmax_farmes = 3\n")
    for command in ("check", "run"):
        done = subprocess.run(
            [sys.executable, "-m", "inspector", command, str(mill.config)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 78
        assert done.stderr.splitlines() == [
            "line.toml: batch.max_farmes is not a key; expected one of max_frames, wait_ms, gather_ms. "
            "Did you mean batch.max_frames?",
            "line.toml: batch.wait_ms is -5; expected a whole number 1..1000. Set 10 for a 60 fps line.",
        ]


def test_a_port_in_use_is_named_and_exits_1(tmp_path: Path) -> None:
    """Two inspectors on one address: the second says which and what to do, and the first is not disturbed."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with Mill(tmp_path / "a") as first:
        second = Mill(tmp_path / "b")
        second.ports = msgspec.structs.replace(second.ports, frames=first.ports.frames)
        second.write()
        done = subprocess.run(
            [sys.executable, "-m", "inspector", "run", str(second.config)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert f"intake.bind: tcp://127.0.0.1:{first.ports.frames}" in done.stderr and "Traceback" not in done.stderr
        assert first.get("/ready")[0] == 200


def test_the_daemon_imports_neither_torch_nor_trainer() -> None:
    """A host at the line needs only the runtime's packages."""
    code = (
        "import contextlib, io, sys, inspector.service.daemon, inspector.engines.openvino\n"
        "from inspector.__main__ import parser\n"
        "for name in ('run', 'replay', 'bridge', 'bench', 'demo', 'report', 'review', 'alarms'):\n"
        "    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "        parser().parse_args([name, '--help'])\n"
        "heavy = {'torch', 'torchvision', 'trainer', 'deploy', 'onnx', 'onnxruntime', 'rich'} & sys.modules.keys()\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_two_cameras_share_a_coil(tmp_path: Path) -> None:
    """Two cameras on one coil share batches, and the coil ends when both have left it."""
    cameras = ("top", "bottom")
    with Mill(tmp_path, cameras=cameras) as mill, Camera(mill, "top") as top, Camera(mill, "bottom") as bottom:
        top.send()
        mill.until(1)
        for number in range(10):
            if number:
                top.send()
            bottom.send((10, 30, WIDTH - 20, WIDTH, DARK))
        mill.until(20)
        top.send(coil="C2")
        bottom.send(coil="C2")
        ended = mill.received("coil.ended")[-1].data
        assert isinstance(ended, CoilReport) and (ended.coil, ended.frames, ended.defects) == ("C1", 20, {"dark": 10})


def test_systemd_is_asked_for_time_at_the_start_and_never_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warming up prolongs the start; at a reload the same would put off the watchdog of a line that may hang."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    reported: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(patience_s())

        def listen() -> None:
            while not (reported and reported[-1].startswith("STOPPING=1")):
                reported.append(systemd.recv(65536).decode())

        listening = threading.Thread(target=listen)
        listening.start()
        with Mill(tmp_path) as mill:
            renew(tmp_path / "recipe", 2)
            mill.daemon.reload()
            mill.received("health.reloaded")
            assert mill.stop()[0] == 0
        listening.join()
    ready = next(place for place, words in enumerate(reported) if words.startswith("READY=1"))
    assert any(words.startswith("EXTEND_TIMEOUT_USEC=") for words in reported[:ready])
    assert not any(words.startswith("EXTEND_TIMEOUT_USEC=") for words in reported[ready:])
    assert any("warming up openvino" in words and "batch size 4 of 4" in words for words in reported[ready:])
