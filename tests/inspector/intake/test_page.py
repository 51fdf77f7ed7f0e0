"""The page for those who write cameras: its bytes are what the inspector takes and sends, and its C client works."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import msgspec
import pytest
import zmq

from inspector import wire
from inspector.access.keys import Key
from inspector.demand import Demand
from inspector.harness.ports import Ports
from inspector.intake.credit import CreditIntake
from inspector.intake.push import Intake
from inspector.intake.receipts import Known
from inspector.intake.settings import BatchSection, IntakeSection
from inspector.records.credit import Answer, FrameRefused, Granted, Hello, Recorded
from inspector.records.stages import Frame
from inspector.signals import Flag
from tests import frames, zmtp
from tests import frames as small
from tests.access import KeyedIntake, Keys
from tests.e2e.kills import frame_at
from tests.e2e.mill import FRAME_MM, Mill
from tests.frames import consumed
from tests.intakes import Context
from tests.recipes import HEIGHT, WIDTH

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "inspector" / "intake" / "README.md").read_text(encoding="utf-8")
CLIENT = ROOT / "deploy" / "clients" / "camera.c"
BLOCKS = re.findall(r"```\w*\n(.*?)\n```", PAGE, re.DOTALL)
HEAD, PIXELS = BLOCKS[0].encode(), bytes.fromhex(BLOCKS[2])
EXAMPLES = {
    kind: text.encode() for kind, text in re.findall(r"^\| (\w+) \| (?:camera|inspector) \| `(.*?)`", PAGE, re.M)
}
MANY = 12
"""Sessions that no camera asks for in four times the pause between two."""
CAMERA = frames.camera(mm_per_px=0.5, mm_per_row=0.5)


def options(section: IntakeSection) -> dict[str, object]:
    """What an intake for the page's frame is made with."""
    facts = {"cameras": [CAMERA], "height": 2, "width": 4, "stop": Flag(), "demand": Demand(2)}
    return {"section": section, "batch": BatchSection(wait_ms=1), **facts}


def test_the_bytes_of_the_header() -> None:
    """The header's text, its bytes, and what our own cameras write are the same."""
    assert bytes.fromhex(BLOCKS[1]) == HEAD
    header = wire.read_header(HEAD)
    assert wire.encode(header, PIXELS) == [HEAD, PIXELS]
    wire.check(header, PIXELS, (2, 4))
    assert f"it is {header.crc32};" in PAGE
    assert f"it is {wire.crc32(b'123456789')}." in PAGE
    assert (f"{len(HEAD)} bytes of JSON" in PAGE) and (f"{len(PIXELS)} bytes: row" in PAGE)


def test_the_bytes_are_taken_from_a_plain_connection(context: Context) -> None:
    """Written by hand onto a TCP connection, with flags and lengths as the page says, the frame is taken as it is."""
    section = IntakeSection(bind="tcp://127.0.0.1:*")
    facts = options(section)
    intake = Intake(context, **facts)  # type: ignore[arg-type]
    with zmtp.connect(int(intake.address.rpartition(":")[2])) as peer:
        peer.sendall(b"\x03" + len(HEAD).to_bytes(8, "big") + HEAD + b"\x00" + bytes([len(PIXELS)]) + PIXELS)
        demand = facts["demand"]
        assert isinstance(demand, Demand)
        for batch in consumed(intake, demand):
            if batch.arrivals:
                (frame,) = batch.arrivals
                break
    intake.close()
    assert isinstance(frame, Frame) and frame.header == wire.read_header(HEAD)
    assert batch.pixels.tobytes() == PIXELS


def test_the_messages_of_credit_mode_are_as_the_page_has_them(context: Context) -> None:
    """The page's greeting is answered, its frame taken, and each answer is the page's but for the session."""
    known = {kind: msgspec.json.decode(EXAMPLES[kind], type=Answer) for kind in ("granted", "recorded", "refused")}
    assert [type(answer) for answer in known.values()] == [Granted, Recorded, FrameRefused]
    assert {kind: msgspec.json.encode(answer) for kind, answer in known.items()} | {
        "hello": EXAMPLES["hello"]
    } == EXAMPLES
    assert msgspec.json.decode(EXAMPLES["hello"], type=Hello) == Hello(camera="top")
    facts = options(IntakeSection(bind="tcp://127.0.0.1:*", transport="credit"))
    demand = facts["demand"]
    assert isinstance(demand, Demand)
    intake = CreditIntake(context, known=Known([CAMERA]), **facts)
    with context.socket(zmq.DEALER, zmq.Socket) as camera:
        camera.linger = 0
        camera.connect(intake.address)
        camera.send(EXAMPLES["hello"])
        batches, received = consumed(intake, demand), list[bytes]()
        while len(received) < 3:
            demand.acknowledge(next(batches).receipts)
            if camera.poll(0):
                received.append(camera.recv())
                session = msgspec.json.decode(received[0], type=Granted).session
                if len(received) < 3:
                    damaged = HEAD.replace(b'"crc32":1713476097', b'"crc32":0')
                    camera.send_multipart([session.encode(), HEAD if len(received) == 1 else damaged, PIXELS])
    intake.close()
    assert received[0].replace(session.encode(), b"9c1d2f60aa31-1") == EXAMPLES["granted"]
    assert received[1:] == [EXAMPLES["recorded"], EXAMPLES["refused"]]


def test_every_setting_it_names_is_one() -> None:
    """What the page says of the sockets is what the C client does, and of times what our own does."""
    foreign = (ROOT / "deploy" / "clients" / "camera.c").read_text(encoding="utf-8")
    assert "ZMQ_IMMEDIATE, &yes" in foreign and "`ZMQ_IMMEDIATE` = 1" in PAGE
    assert "ZMQ_LINGER, &zero" in foreign and "`ZMQ_LINGER` = 0" in PAGE
    own = (ROOT / "inspector" / "camera" / "kept.py").read_text(encoding="utf-8")
    assert "HELLO_NS = 500_000_000" in own and "every half second" in PAGE
    assert "AGAIN_NS = 5_000_000_000" in own and "for 5 s" in PAGE


def compiled(folder: Path, source: str) -> Path:
    """Compile a C client; its warnings are errors."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler: apt-get install gcc")
    program = folder / "camera"
    flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    probe = subprocess.run([compiler, "-E", "-"], input="#include <zmq.h>", capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip("no libzmq for C: apt-get install libzmq3-dev")
    words = [compiler, *flags, "-x", "c", "-", "-o", str(program), "-lzmq"]
    subprocess.run(words, input=source, text=True, check=True)
    return program


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C client as it is."""
    return compiled(tmp_path_factory.mktemp("client"), CLIENT.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C client, which asks for another session after half a second, and gives up after two."""
    source = CLIENT.read_text(encoding="utf-8")
    for name, usual_ms, hasty_ms in (("HELLO_MS", 500, 10), ("AGAIN_MS", 5000, 500), ("GIVE_UP_MS", 120_000, 2000)):
        assert source.count(f"{name} {usual_ms}") == 1
        source = source.replace(f"{name} {usual_ms}", f"{name} {hasty_ms}")
    return compiled(tmp_path_factory.mktemp("hasty"), source)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_c_client_loses_nothing_over_a_kill_of_the_inspector(tmp_path: Path, client: Path) -> None:
    """It sends what was granted, keeps what is not recorded, sends it again after a kill -9, and ends when all is."""
    count = 400
    source = tmp_path / "frames"
    source.write_bytes(b"".join(frame_at(number).tobytes() for number in range(count)))
    mill = Mill(tmp_path, transport="credit", credit_frames=4)
    words = [str(client), mill.ports.address("frames"), "top", str(WIDTH), str(HEIGHT), "C1", "0.5"]
    with mill, source.open("rb") as stdin:
        with subprocess.Popen(words, stdin=stdin, stdout=subprocess.PIPE, text=True) as camera:
            mill.until(20)
            mill.stop(signal.SIGKILL)
            mill.start()
            out, _ = camera.communicate(timeout=200)
        assert (camera.returncode, out) == (0, f"{count} frames sent and recorded\n")
        mill.stop()
        mill.start()
        ended = mill.received("coil.ended")[-1].data
        assert (ended.frames, ended.missed_m) == (count, 0.0)  # type: ignore[union-attr]
        assert ended.inspected_m == pytest.approx(count * FRAME_MM / 1000)  # type: ignore[union-attr]


def test_the_c_client_says_what_is_wrong(tmp_path: Path, client: Path) -> None:
    """Wrong words, a wrong address and a camera that is not configured end with 2; input that cannot be read with 1."""
    assert subprocess.run([str(client)], capture_output=True, check=False).returncode == 2
    words = [str(client), "nowhere", "top", "4", "2", "C1", "0.5"]
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 2 and done.stderr.startswith("camera: nowhere: ")
    with Mill(tmp_path, transport="credit") as mill:
        source = tmp_path / "frames"
        source.write_bytes(bytes(8))
        with source.open("rb") as stdin:
            words = [str(client), mill.ports.address("frames"), "spy", "4", "2", "C1", "0.5"]
            done = subprocess.run(words, capture_output=True, text=True, stdin=stdin, check=False)
    assert done.returncode == 2 and '"reason":"camera"' in done.stderr
    folder = os.open(tmp_path, os.O_RDONLY)  # nothing can be read from it
    words = [str(client), Ports.free().address("frames"), "top", "4", "2", "C1", "0.5"]
    done = subprocess.run(words, capture_output=True, text=True, stdin=folder, check=False)
    os.close(folder)
    assert done.returncode == 1 and done.stderr.startswith("camera: standard input: ")


@pytest.mark.parametrize(
    ("name", "coil", "mm_per_row"),
    [
        ("top", "-C1", "0.5"),
        ("top", " C1", "0.5"),
        ("top", "C1 ", "0.5"),
        ("top", "C\n1", "0.5"),
        ("top", "C" * 65, "0.5"),
        ("", "C1", "0.5"),
        ("camera 1", "C1", "0.5"),
        ("top", "C1", "nan"),
        ("top", "C1", "1001"),
    ],
)
def test_the_c_client_sends_nothing_that_is_no_frame(client: Path, name: str, coil: str, mm_per_row: str) -> None:
    """A name or a travel that no header may have ends it with 2 before it has kept a frame."""
    words = [str(client), "nowhere", name, "4", "2", coil, mm_per_row]
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 2 and done.stderr.startswith(("camera: no frame may", "camera: expected a WIDTH"))


def test_the_c_client_names_its_coil(context: Context, tmp_path: Path, client: Path) -> None:
    """Signs that JSON escapes and letters of any script come as they are; empty is none; a refusal ends with 1.

    So does input that ends within a frame. Each start has a boot of its own, of no clock and no process's number.
    """
    source = tmp_path / "frames"
    source.write_bytes(PIXELS)
    facts = options(IntakeSection(bind="tcp://127.0.0.1:*", transport="credit"))
    demand = facts["demand"]
    assert isinstance(demand, Demand)
    intake = CreditIntake(context, known=Known([CAMERA]), **facts)
    batches, coils, boots = consumed(intake, demand), list[str | None](), set[str]()

    def run(coil: str) -> tuple[int, str, str]:
        words = [str(client), intake.address, "top", "4", "2", coil, "0.5"]
        with (
            source.open("rb") as stdin,
            subprocess.Popen(words, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as camera,
        ):
            while camera.poll() is None:
                batch = next(batches)
                coils.extend(frame.header.coil for frame in batch.frames())
                boots.update(frame.header.boot for frame in batch.frames())
                demand.acknowledge(batch.receipts)
            out, err = camera.communicate()
            return camera.returncode, out, err

    given = ['C"1\\', "Ö" * 64, ""]
    assert [run(coil) for coil in given] == [(0, "1 frames sent and recorded\n", "")] * 3
    assert coils == [*given[:2], None]
    assert len(boots) == 3 and all(re.fullmatch("[0-9a-f]{16}", boot) for boot in boots)
    code, out, err = run("a\u00a0b")
    assert (code, out) == (1, "0 frames sent and recorded\n") and '"reason":"header"' in err
    source.write_bytes(PIXELS + bytes(3))
    cut = "camera: standard input ended with 3 bytes of a frame of 8\n"
    assert run("C1") == (1, "1 frames sent and recorded\n", cut)
    intake.close()


@pytest.mark.parametrize("answers", [1, MANY], ids=["hangs", "records nothing"])
def test_the_c_client_gives_up(context: Context, hasty: Path, answers: int) -> None:
    """Where nothing is recorded, though the inspector gives it a session when it asks: it does now and then."""
    asked = 0
    with context.socket(zmq.ROUTER, zmq.Socket) as inspector:
        words = [str(hasty), f"tcp://127.0.0.1:{inspector.bind_to_random_port('tcp://127.0.0.1')}", "top", "4", "2"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen([*words, "C1", "0.5"], **pipes) as camera:  # type: ignore[call-overload]  # all are pipes
            camera.stdin.write(PIXELS)
            camera.stdin.close()
            while camera.poll() is None and asked < MANY:
                if not inspector.poll(100):
                    continue
                peer, *parts = inspector.recv_multipart()
                hello = msgspec.json.decode(parts[0], type=Hello) if len(parts) == 1 else None
                asked += hello is not None and hello.again
                if hello is not None and answers > asked:
                    granted = Granted(camera="top", session=f"s-{asked}", frames=4)
                    inspector.send_multipart([peer, msgspec.json.encode(granted)])
            camera.kill()
            assert (camera.wait(), camera.stderr.read()) == (1, b"camera: 1 frames are not recorded\n")
    assert 1 <= asked <= 2000 // 500


def test_the_c_client_with_a_key(tmp_path: Path, client: Path) -> None:
    """With its key it is served; with a revoked one, a stranger's, none or what is none it ends with 2 and why."""
    keys, source, context = Keys(tmp_path / "keys"), tmp_path / "frames", zmq.Context[zmq.Socket[bytes]]()
    source.write_bytes(bytes(small.WIDTH * small.HEIGHT))
    keys.new("top")
    line = KeyedIntake(context, keys, "credit")

    def run(*key: Path) -> tuple[int, str]:
        words = [str(client), line.intake.address, "top", str(small.WIDTH), str(small.HEIGHT), "C1", "0.5"]
        words += map(str, key)
        with (
            source.open("rb") as stdin,
            subprocess.Popen(words, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as camera,
        ):
            line.until(lambda: camera.poll() is not None)
            assert camera.stdout is not None and camera.stderr is not None
            return camera.returncode, camera.stdout.read() + camera.stderr.read()

    try:
        assert run(keys.folder / "top.key") == (0, "1 frames sent and recorded\n")
        assert line.ends["frame of top"] == 1
        asked = "camera: the inspector asks for a key and none was given, or the other way round\n"
        broken = "camera: every handshake breaks off: another inspector's key, or none where one is asked for\n"
        assert run() in ((2, asked), (2, broken))  # on a busy machine it reads late
        stranger = Keys(tmp_path / "other")
        stranger.new("top")
        assert run(stranger.folder / "top.key") == (2, broken)
        assert run(source)[0] == 2
        keys.revoke("top")
        assert run(keys.folder / "top.key") == (2, "camera: the inspector refuses this key (400)\n")
    finally:
        line.close()
        context.destroy(linger=0)


def test_the_key_on_the_page_is_one(tmp_path: Path) -> None:
    """Its four lines are a key file as it is read, and as it is written."""
    (block,) = re.findall(r"```\n(name = .*?)```", PAGE, re.DOTALL)
    path = tmp_path / "top.key"
    path.touch(mode=0o600)
    path.write_text(block)
    assert Key.read(path).text() == block
