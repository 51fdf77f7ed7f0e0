"""Frames on disk until they are recorded."""

from pathlib import Path

from inspector.camera.spool import Spool


def test_what_was_added_is_there_for_the_next_process_in_order(tmp_path: Path) -> None:
    """Frames come back as they were, the oldest first, but for those let go; a half-written one does not."""
    spool = Spool(tmp_path / "spool")
    files = [spool.add([b'{"number":%d}' % number, b"\n\x00pixels\n" * number]) for number in range(12)]
    spool.remove(files[3])
    spool.remove(files[3])
    (tmp_path / "spool" / "0000000000000099.part").write_bytes(b"half")
    after = Spool(tmp_path / "spool")
    found = list(after.load())
    assert [parts for _, parts in found] == [
        [b'{"number":%d}' % number, b"\n\x00pixels\n" * number] for number in range(12) if number != 3
    ]
    assert after.add([b"{}", b""]) > files[-1]
