"""The archive of a real inspector: crops, labels from the command line, a disk that goes away and comes back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from inspector.records.crop import Sidecar
from inspector.records.events import ArchiveStatus, Commanded, Defect, Labelled
from tests.e2e import own_disk
from tests.e2e.mill import Camera, Mill, paint
from tests.e2e.test_alarms import inspector
from tests.recipes import BRIGHT, DARK

ARCHIVE = '[archive]\npath = "kept"\nsound_per_km = 100000\n'
CROPS = "inspector_archive_crops_total"
DARK_BOX, BRIGHT_BOX = (10, 30, 20, 40, DARK), (20, 26, 100, 140, BRIGHT)


def kept(mill: Mill) -> list[tuple[Path, Sidecar]]:
    """All that is in the mill's archive, by the frame's number."""
    paths = (mill.folder / "kept").glob("*/*/*/*.json")
    found = [(path, msgspec.json.decode(path.read_bytes(), type=Sidecar)) for path in paths]
    return sorted(found, key=lambda crop: (crop[1].number, crop[1].name))


def test_defects_and_sound_strip_are_kept_and_labelled(tmp_path: Path) -> None:
    """Each crop is what was painted, carries the defect's id, and a label that is journalled with who gave it."""
    mill = Mill(tmp_path)
    mill.write(extra=ARCHIVE)
    with mill:
        with Camera(mill) as camera:
            camera.send()
            camera.send(DARK_BOX)
            camera.send()
            camera.send(BRIGHT_BOX, DARK_BOX)
            for _ in range(4):
                camera.send()
            mill.wait_until(lambda: mill.metric(CROPS, outcome="written") >= 3 + 1, "write crops")
        defects = [sidecar for path, sidecar in kept(mill) if sidecar.defect]
        assert [(sidecar.number, sidecar.name) for sidecar in defects] == [(1, "dark"), (3, "bright"), (3, "dark")]
        labelled = inspector(mill, "relabel", "C1", defects[0].defect, "--class", "sound", "--operator", "Kim")
        assert labelled.returncode == 0, labelled.stderr
        assert "is sound now (1 crop)" in labelled.stdout
        refused = inspector(mill, "relabel", "C1", "C1/no/such", "--class", "1", "--operator", "Kim")
        assert refused.returncode == 1 and "has no crop of defect C1/no/such" in refused.stderr
        mill.stop()
        mill.start()
        events = [event.data for event in mill.received("health.stopping")]
    reported = {data.id for data in events if isinstance(data, Defect)}
    for path, sidecar in kept(mill):
        boxes = {1: [DARK_BOX], 3: [BRIGHT_BOX, DARK_BOX]}.get(sidecar.number, [])
        left, top, width, height = sidecar.box_px
        picture = cv2.imread(str(path.with_name(sidecar.image)), cv2.IMREAD_UNCHANGED)
        assert picture is not None and np.array_equal(picture, paint(*boxes)[top : top + height, left : left + width])
        assert (sidecar.defect in reported) == bool(sidecar.defect) and sidecar.coil == "C1"
        assert sidecar.label is None or (sidecar.number, sidecar.label.name) == (1, "sound")
    assert any(not sidecar.defect for _, sidecar in kept(mill))
    (label,) = [data for data in events if isinstance(data, Labelled)]
    assert (label.id, label.label, label.operator, label.crops) == (defects[0].defect, "sound", "Kim", 1)
    commands = [(data.target, data.is_done) for data in events if isinstance(data, Commanded)]
    assert commands == [(defects[0].defect, True), ("C1/no/such", False)]


def test_one_defect_over_many_frames_gives_few_crops(tmp_path: Path) -> None:
    """They carry the id of the whole defect, as its last event does."""
    mill = Mill(tmp_path)
    mill.write(extra=ARCHIVE.replace("sound_per_km = 100000", "sound_per_km = 0"))
    with mill, Camera(mill) as camera:
        for _ in range(12):
            camera.send((0, 64, 60, 70, DARK))
        camera.send()
        camera.send()
        mill.wait_until(lambda: mill.metric(CROPS, outcome="written") >= 3, "write crops")
    found = kept(mill)
    assert len(found) == 3 and len({sidecar.defect for _, sidecar in found}) == 1
    extent = found[0][1].extent
    assert extent is not None and extent.length_mm == 12 * 32.0


MOUNTED = "mount --bind /mnt/of"
DISK = f"mount -t tmpfs -o size=20m,mode=0700 tmpfs /mnt && mkdir /mnt/of && {MOUNTED}"
"""Large enough for the start, and soon full."""
FULL = "cat /dev/zero > {0}/filler 2>&-; true"
READ_ONLY = "rm {0}/filler && mount --bind {0} {0} && mount -o remount,bind,ro {0}"
MENDED = "umount {0}"
UNMOUNTED = "umount --lazy {0}"
"""As it goes with a disk in use: a stick that is pulled out, a server that is gone."""


def test_inspection_goes_on_while_the_archive_cannot_be_written(tmp_path: Path) -> None:
    """On a full, read-only or unmounted disk crops are dropped, counted and reported, frames not; then kept again."""
    mill, disk = Mill(tmp_path), tmp_path / "disk"
    if refusal := own_disk.refusal(disk, DISK):
        pytest.skip(refusal)
    mill.program = own_disk.program(disk, DISK)
    mill.write(extra='[archive]\npath = "disk/kept"\nsound_per_km = 0\n')
    with mill, Camera(mill) as camera:

        def sends_until(outcome: str, count: float) -> None:
            def is_so() -> bool:
                camera.send(DARK_BOX)
                camera.send()
                camera.send()
                return mill.metric(CROPS, outcome=outcome) >= count

            mill.wait_until(is_so, f"have {outcome} {count:g} crops")

        def does(command: str) -> None:
            own_disk.within(mill.daemon.child.pid, command.format(disk))

        sends_until("written", 1)
        for command in (FULL, READ_ONLY):
            does(command)
            sends_until("dropped_disk", mill.metric(CROPS, outcome="dropped_disk") + 2)
            assert mill.metric("inspector_archive_failing") == 1 and mill.get("/health")[0] == 200
        does(MENDED)
        sends_until("written", mill.metric(CROPS, outcome="written") + 1)
        assert mill.metric("inspector_archive_failing") == 0
        does(UNMOUNTED)
        sends_until("dropped_disk", mill.metric(CROPS, outcome="dropped_disk") + 2)
        assert mill.metric("inspector_archive_failing") == 1 and [*disk.iterdir()] == []
        does(f"{MOUNTED} {{0}}")
        sends_until("written", mill.metric(CROPS, outcome="written") + 1)
        mill.until(camera.number)
        assert mill.metric("inspector_frames_dropped_total") == 0
        mill.stop()
        mill.start()
        events = [event.data for event in mill.received("health.stopping")]
    turns = [(data.state, data.status) for data in events if isinstance(data, ArchiveStatus)]
    assert turns == 2 * [("raised", "maintenance_required"), ("returned", "normal")]


def test_an_archive_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    """With the reason and what to do, before anything runs."""
    mill = Mill(tmp_path)
    (tmp_path / "file").write_text("")
    mill.write(extra='[archive]\npath = "file/kept"\n')
    command = [sys.executable, "-m", "inspector", "check", str(mill.config)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 78
    assert f"{tmp_path / 'file'} is no folder" in checked.stderr
