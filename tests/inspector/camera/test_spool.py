"""Frames on disk until they are recorded."""

import hashlib
import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from inspector.camera import Camera
from inspector.camera.spool import FOREIGN, Spool
from inspector.errors import Busy, InspectorError


def test_what_was_added_is_there_for_the_next_process_in_order(tmp_path: Path) -> None:
    """Frames come back as they were, the oldest first, but for those let go; a half-written one does not."""
    spool = Spool(tmp_path / "spool")
    files = [spool.add([b'{"number":%d}' % number, b"\n\x00pixels\n" * number]) for number in range(12)]
    spool.remove(files[3])
    spool.remove(files[3])
    (tmp_path / "spool" / "0000000000000099.part").write_bytes(b"half")
    spool.close()
    after = Spool(tmp_path / "spool")
    found = list(after.load())
    assert [parts for _, parts in found] == [
        [b'{"number":%d}' % number, b"\n\x00pixels\n" * number] for number in range(12) if number != 3
    ]
    assert after.add([b"{}", b""]) > files[-1]
    after.close()


def test_what_was_set_aside_keeps_its_number(tmp_path: Path) -> None:
    """The next program counts on behind it: a frame of the same number would be renamed over it."""
    for content in (b"first", b"second"):
        spool = Spool(tmp_path)
        spool.set_aside(spool.add([b"{}", content]), FOREIGN)
        spool.close()
    assert sorted(file.read_bytes() for file in tmp_path.iterdir()) == [b"{}\nfirst", b"{}\nsecond"]


def test_a_folder_belongs_to_one_program(tmp_path: Path) -> None:
    """Two would send each other's frames, and write over them: the second is refused until the first has left."""
    first = Spool(tmp_path)
    with pytest.raises(Busy, match="another camera program keeps its frames there"):
        Spool(tmp_path)
    first.close()
    first.close()
    Spool(tmp_path).close()


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    """It is named, with what to do."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InspectorError, match=r"file: is no folder for frames: .* Give another spool\."):
        Spool(tmp_path / "file")


def test_a_full_disk_takes_no_half_frame(tmp_path: Path) -> None:
    """A frame is there whole or not at all, and nothing of it stays behind."""
    spool = Spool(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(InspectorError, match=r"the frame cannot be kept: .* Make room there\."):
            spool.add([b"{}", bytes(9000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert not list(tmp_path.iterdir())
    spool.close()


def test_what_is_no_frame_holds_none_up(tmp_path: Path) -> None:
    """A power cut leaves empty and half files, and somebody a folder: the camera starts, and keeps what is whole."""
    address = "ipc://@" + hashlib.sha256(str(tmp_path).encode()).hexdigest()
    pixels = np.zeros((4, 6), np.uint8)
    camera = Camera(address, "top", transport="credit", spool=tmp_path)
    for _ in range(4):
        camera.send(pixels)
    camera.close(0)
    files = sorted(tmp_path.iterdir())
    files[1].write_bytes(b"")
    files[2].write_bytes(b'{"v":1,"cam')
    (tmp_path / "0000000000000099.frame").mkdir()
    (tmp_path / "\u00b2.frame").write_bytes(b"")
    camera = Camera(address, "top", transport="credit", spool=tmp_path)
    assert camera.unrecorded == 2
    camera.close(0)
    assert [file.name for file in files if file.exists()] == [files[0].name, files[3].name]
    assert sorted(file.name for file in tmp_path.glob("*.damaged")) == [f"{file.name}.damaged" for file in files[1:3]]
