"""The simulated camera, over real sockets, against the real intake."""

import argparse
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
import zmq

from inspector import wire
from inspector.demand import Demand
from inspector.errors import InspectorError, SocketError
from inspector.intake.push import Intake
from inspector.intake.settings import BatchSection, IntakeSection
from inspector.records.frame import Bytes2D, Header
from inspector.records.stages import Loss
from inspector.signals import Flag
from inspector.simulator import replay
from inspector.simulator.camera import Coil, Encoding, Sent, SimulatedCamera
from inspector.simulator.camera_faults import Faults
from inspector.simulator.folder import ImageFolder
from inspector.simulator.sheet import Sheet
from tests import frames
from tests.frames import consumed

HEIGHT, WIDTH = 24, 40
Context = zmq.Context[zmq.Socket[bytes]]
Socket = zmq.Socket[bytes]
Command = Callable[..., tuple[list[Header], Sent]]


@pytest.fixture
def receiver(context: Context) -> Iterator[Socket]:
    """Give a PULL socket, as small as can be, on a free port."""
    with context.socket(zmq.PULL) as socket:
        socket.rcvtimeo = 5000
        socket.rcvhwm = 1
        socket.rcvbuf = 2**16
        socket.bind("tcp://127.0.0.1:*")
        yield socket


def address(socket: Socket) -> str:
    """Where a socket is bound."""
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


def picture(index: int) -> Bytes2D:
    """Draw frame `index`."""
    return np.random.default_rng(index).integers(0, 256, (HEIGHT, WIDTH), np.uint8)


def taken(socket: Socket) -> tuple[Header, Bytes2D]:
    """Take a good frame off the socket."""
    first, second = socket.recv_multipart()
    out = np.empty((HEIGHT, WIDTH), np.uint8)
    header = wire.read_header(first)
    wire.unpack(header, second, out)
    return header, out


def replayed(context: Context, faults: Faults, encoding: Encoding = "raw8") -> tuple[Sent, Counter[str]]:
    """Replay two coils into the real intake; return both their counts."""
    stop, demand = Flag(), Demand(2)
    section = IntakeSection(bind="tcp://127.0.0.1:*", overload="wait")
    intake = Intake(
        context,
        section,
        BatchSection(max_frames=8, wait_ms=2),
        cameras=[frames.camera()],
        demand=demand,
        height=HEIGHT,
        width=WIDTH,
        stop=stop,
    )
    camera = SimulatedCamera(context, intake.address, "top", faults=faults, encoding=encoding, seed=3)

    def send() -> None:
        for name in ("C1", "C2"):
            camera.replay(Coil(name=name, pictures=picture, frames=200))
        camera.close()
        stop.set()

    thread = threading.Thread(target=send)
    thread.start()
    counts: Counter[str] = Counter()
    for batch in consumed(intake, demand):
        for arrival in batch.arrivals:
            if isinstance(arrival, Loss):
                counts[f"{arrival.end} {arrival.reason}"] += arrival.count
            else:
                counts["good"] += 1
    thread.join()
    return camera.sent, counts


def test_good_frames_arrive_as_they_are(context: Context, receiver: Socket) -> None:
    """Every frame arrives with its pixels, its number and its place on its coil."""
    camera = SimulatedCamera(context, address(receiver), "top", side="bottom", mm_per_row=0.5)
    before_ns = time.time_ns()
    camera.replay(Coil(name="C1", pictures=picture, frames=2, start_mm=100.0))
    camera.replay(Coil(name="C2", pictures=picture, frames=1))
    for number, (coil, index, start_mm) in enumerate([("C1", 0, 100.0), ("C1", 1, 112.0), ("C2", 0, 0.0)]):
        header, pixels = taken(receiver)
        assert np.array_equal(pixels, picture(index))
        assert (header.camera, header.side, header.coil) == ("top", "bottom", coil)
        assert (header.number, header.start_mm, header.mm_per_row) == (number, start_mm, 0.5)
        assert before_ns <= header.captured_ns <= time.time_ns()
    assert camera.sent.messages == camera.sent.good == 3
    camera.close()


def test_intake_counts_what_the_camera_counts(context: Context) -> None:
    """With all faults at once the inspector's intake sees each of them, as often as the camera made it."""
    each: dict[str, Any] = dict.fromkeys(Faults().probabilities(), 0.05)
    sent, counts = replayed(context, Faults(**each, freeze_s=0.001, lasting_frames=1))
    assert all(sent.faults.values())
    assert counts["good"] == sent.good
    # what was lost between a restart and a first frame that was bad, nobody can know
    assert sent.missing - sent.faults["reboot"] <= counts["missing lost"] <= sent.missing
    assert counts["rejected crc"] == sent.faults["crc"]
    assert counts["rejected json"] == sent.faults["garbage"]
    assert counts["rejected order"] == sent.faults["duplicate"]
    assert counts["rejected size"] == sent.faults["size"] + sent.faults["truncate"]
    assert sum(counts.values()) - counts["missing lost"] == sent.messages


@pytest.mark.parametrize("encoding", ["jpeg", "png"])
def test_compressed_frames_are_taken(context: Context, encoding: Encoding) -> None:
    """A compressing camera's frames are taken too, and a cut one is seen by its checksum."""
    sent, counts = replayed(context, Faults(truncate=0.1), encoding)
    assert counts == {"good": sent.good, "rejected crc": sent.faults["truncate"]}
    assert sent.faults["truncate"] > 0


def test_same_seed_same_faults(context: Context) -> None:
    """A fault that was found can be shown again."""
    faults = Faults(drop=0.1, crc=0.1)
    assert replayed(context, faults)[0] == replayed(context, faults)[0]


def test_reboot_begins_to_count_again(context: Context, receiver: Socket) -> None:
    """After a restart the camera has a new boot id and numbers from 0, on the same strip."""
    camera = SimulatedCamera(context, address(receiver), "top", faults=Faults(reboot=1.0))
    camera.replay(Coil(name="C1", pictures=picture, frames=3))
    headers = [taken(receiver)[0] for _ in range(3)]
    assert headers[0].boot != headers[1].boot
    assert [header.number for header in headers] == [0, 0, 1]
    assert [header.start_mm for header in headers] == [0.0, 15.0, 30.0]
    camera.close()


class Clock(Flag):
    """A clock that only waiting moves, and whoever says so."""

    now_ns = 1

    def wait(self, timeout_s: float) -> bool:
        """Let the time pass at once."""
        self.now_ns += round(1e9 * timeout_s)
        return False


def test_rate_is_kept_without_drift(context: Context, receiver: Socket) -> None:
    """A frame that was late delays no other: each leaves when it is due, or at once where that is over."""
    clock, left_ns = Clock(), list[int]()
    camera = SimulatedCamera(
        context, address(receiver), "top", rate_fps=50.0, stop=clock, clock_ns=lambda: clock.now_ns
    )

    def slow_once(index: int) -> Bytes2D:
        left_ns.append(clock.now_ns)  # the frame before has just left
        clock.now_ns += 300_000_000 if index == 5 else 0
        return picture(index)

    sending = threading.Thread(target=camera.replay, args=(Coil(name="C1", pictures=slow_once, frames=26),))
    sending.start()
    for _ in range(26):
        taken(receiver)
    sending.join()
    late_ns = 300_000_000 + 4 * 20_000_000  # frame 5 was drawn after frame 4 had left
    assert left_ns[1:] == [1 + (late_ns if 5 <= index < 20 else index * 20_000_000) for index in range(25)]
    camera.close()


def test_full_receiver_holds_the_camera_back(context: Context, receiver: Socket) -> None:
    """Without a rate the camera waits for the receiver, and a stop ends the wait."""
    stop = Flag()
    camera = SimulatedCamera(context, address(receiver), "top", stop=stop)
    large = np.zeros((256, 1600), np.uint8)
    coil = Coil(name="C1", pictures=lambda index: large, frames=None)
    thread = threading.Thread(target=camera.replay, args=(coil,))
    thread.start()
    while not camera.sent.messages:
        time.sleep(0.01)
    time.sleep(0.5)  # one that is not held back sends hundreds meanwhile
    assert camera.sent.messages <= 10
    stop.set()
    thread.join()
    camera.close(0.0)  # nobody takes the rest


def test_nobody_there_is_reported(context: Context) -> None:
    """A camera whose frames nobody takes says so instead of waiting for ever."""
    camera = SimulatedCamera(context, "tcp://127.0.0.1:9", "top", patience_s=0.2)
    with pytest.raises(SocketError, match=r"nobody took a frame for 0\.2 s\. Start the inspector"):
        camera.replay(Coil(name="C1", pictures=picture, frames=1))
    camera.close()


def test_address_that_is_none_is_reported(context: Context) -> None:
    """A wrong address is named with what a right one looks like."""
    with pytest.raises(SocketError, match=r"line: Invalid argument.*\. Write tcp"):
        SimulatedCamera(context, "line", "top")


def test_too_many_faults_are_refused() -> None:
    """At most one fault befalls a frame, so the probabilities cannot exceed 1 together."""
    with pytest.raises(ValueError, match=r"add up to 1\.2; expected at most 1"):
        Faults(drop=0.6, crc=0.6)


# --- sources and command line ------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder of three images and a file that is none."""
    for name, index in (("b.png", 1), ("a.png", 0), ("c.png", 2)):
        cv2.imwrite(str(tmp_path / name), picture(index))
    (tmp_path / "manifest.csv").write_text("no image")
    return tmp_path


def test_folder_is_replayed_by_name(folder: Path) -> None:
    """Images pass in the order of their names, and again from the first."""
    images = ImageFolder(folder, WIDTH, HEIGHT)
    assert len(images) == 3
    assert all(np.array_equal(images(index), picture(index % 3)) for index in range(6))


def test_severstal_folder_is_found(folder: Path) -> None:
    """Kaggle's folder is taken as it is unpacked: the frames lie in `train_images`."""
    (folder / "train_images").mkdir()
    (folder / "b.png").rename(folder / "train_images" / "b.png")
    assert len(ImageFolder(folder, WIDTH, HEIGHT)) == 1


def test_image_of_another_size_is_refused(folder: Path) -> None:
    """Nothing is padded or cropped in silence."""
    with pytest.raises(InspectorError, match=r"a\.png: is 40 x 24 px; expected 1600 x 256\. Give --width"):
        ImageFolder(folder, 1600, 256)(0)


def test_a_smaller_image_is_padded_on_request(folder: Path) -> None:
    """With black, right and below, as the trainer pads; a larger one is refused all the same."""
    padded = ImageFolder(folder, WIDTH + 8, HEIGHT + 4, pads=True)(0)
    assert padded.shape == (HEIGHT + 4, WIDTH + 8) and not padded[HEIGHT:].any() and not padded[:, WIDTH:].any()
    assert np.array_equal(padded[:HEIGHT, :WIDTH], picture(0))
    with pytest.raises(
        InspectorError, match=r"a\.png: is 40 x 24 px; expected 40 x 16\. Give --width and --height, or"
    ):
        ImageFolder(folder, WIDTH, 16, pads=True)(0)
    assert arguments("--images", str(folder), "--pad").pad


def test_damaged_image_is_refused(folder: Path) -> None:
    """A file that is no image is named."""
    (folder / "a.png").write_bytes(b"no image")
    with pytest.raises(InspectorError, match=r"a\.png: is no png, jpeg, bmp or tiff image"):
        ImageFolder(folder, WIDTH, HEIGHT)(0)


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    """A wrong folder is noticed before anything is sent."""
    with pytest.raises(InspectorError, match="holds no images"):
        ImageFolder(tmp_path, WIDTH, HEIGHT)


def arguments(*words: str) -> argparse.Namespace:
    """Read the options of `inspector replay`."""
    parser = argparse.ArgumentParser()
    replay.add_arguments(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize("size", [("99999999999", "1"), ("1", "65536"), ("65535", "65535")])
def test_a_frame_that_no_memory_holds_is_refused(size: tuple[str, str]) -> None:
    """In words, before any of it is drawn."""
    with pytest.raises(InspectorError, match="Give the size of a frame, not of a coil"):
        replay.run(arguments("--width", size[0], "--height", size[1]))


@pytest.fixture
def command(receiver: Socket, capsys: pytest.CaptureFixture[str]) -> Command:
    """Give a way to run `inspector replay`: returns the headers that arrived, and what it says it sent."""

    def run(*words: str) -> tuple[list[Header], Sent]:
        headers: list[Header] = []
        done = threading.Event()

        def take() -> None:
            while not done.is_set() or receiver.poll(100):
                if receiver.poll(10):
                    headers.append(wire.read_header(receiver.recv_multipart()[0]))

        thread = threading.Thread(target=take)
        thread.start()
        assert replay.run(arguments("--connect", address(receiver), "--json", *words)) == 0
        done.set()
        thread.join()
        return headers, msgspec.json.decode(capsys.readouterr().out, type=Sent)

    return run


@pytest.mark.parametrize("look", ["plain", "mill"])
def test_command_replays_steel(command: Command, tmp_path: Path, look: str) -> None:
    """The command sends that many metres of each coil, of either look, and leaves the thumbnail."""
    what = ["--metres", "0.6", "--coil", "A1", "A2", "--start-mm", "80", "--look", look]
    headers, sent = command(*what, "--thumbnail", str(tmp_path / "t.png"))
    assert [(header.coil, header.start_mm) for header in headers[3:5]] == [("A1", 560.0), ("A2", 80.0)]
    assert (sent.messages, sent.good, sent.missing) == (8, 8, 0)
    thumbnail = cv2.imread(str(tmp_path / "t.png"), cv2.IMREAD_GRAYSCALE)
    assert thumbnail is not None
    assert thumbnail.shape == (8 * 32, 200)
    steel = Sheet(1, look=look).strip(128, 256).pixels[:8, :8].mean()
    assert abs(float(thumbnail[0, 0]) - steel) <= 1


def test_command_replays_a_folder_once(command: Command, folder: Path) -> None:
    """Without a length a folder is replayed once."""
    words = ["--images", str(folder), "--width", str(WIDTH), "--height", str(HEIGHT), "--coil", "B"]
    headers, sent = command(*words)
    assert [header.number for header in headers] == [0, 1, 2]
    assert sent.messages == 3
    frame_m = HEIGHT / 1000
    headers, sent = command(*words, "--mm-per-row", "1", "--lose", f"{1.2 * frame_m}-{1.8 * frame_m}")
    assert [header.number for header in headers] == [0, 2] and sent.missing == 1


@pytest.mark.parametrize("words", [["--lose", "60-66"], ["--start-mm", "9000", "--lose", "2-8"]])
def test_nothing_to_lose_is_refused(words: list[str]) -> None:
    """Metres that the first coil does not have are no loss, and are reported with those that it has."""
    with pytest.raises(InspectorError, match="expected metres of it"):
        replay.run(arguments("--metres", "24", *words))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--fault", "fire=0.1"], "one of drop, crc"),
        (["--fault", "drop"], "Write NAME=PROBABILITY"),
        (["--fault", "drop=2"], "expected a number from 0 to 1"),
        (["--fault", "drop=nan"], "expected a number from 0 to 1"),
        (["--fault", "drop=0.7", "--fault", "crc=0.7"], "add up to 1.4"),
    ],
)
def test_wrong_fault_is_refused(words: list[str], message: str) -> None:
    """A fault that does not exist, or cannot be, is named with those that can."""
    with pytest.raises(InspectorError, match=message):
        replay.run(arguments(*words))


@pytest.mark.parametrize(
    "words", [["--rate", "-1"], ["--rate", "nan"], ["--metres", "0"], ["--coil", "a b "], ["--height", "0"]]
)
def test_wrong_option_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """An option out of its limits ends the command before it begins."""
    with pytest.raises(SystemExit):
        arguments(*words)
    assert f"{words[0]}: {words[1]!r}"[:8] in capsys.readouterr().err
