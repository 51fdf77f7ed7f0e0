"""A configuration that a program writes is one that the inspector reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from inspector.harness import configuration
from inspector.harness.ports import Ports
from inspector.service import line


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Ports, cameras, sections that add or replace keys, and a path with quotes and spaces arrive as given."""
    ports, recipe = Ports.free(), tmp_path / 'a "new" recipe'
    path = configuration.write(
        tmp_path / "line.toml",
        ports,
        recipe,
        line="test",
        mm_per_px=0.5,
        cameras=["top", "bottom"],
        sections={"engine": {"threads": 1}, "intake": {"overload": "wait"}, "batch": {"max_frames": 8}},
        extra='[[alarm]]\nname = "cracks"\nclasses = ["crack"]\n',
    )
    read = line.load(path)
    assert (read.line, read.engine.threads, read.batch.max_frames) == ("test", 1, 8)
    assert (read.intake.bind, read.intake.overload) == (ports.address("frames"), "wait")
    assert [(camera.name, camera.mm_per_px) for camera in read.camera] == [("top", 0.5), ("bottom", 0.5)]
    assert Path(read.recipe.path) == recipe and [alarm.name for alarm in read.alarm] == ["cracks"]


def test_ports_are_four_and_free() -> None:
    """No port is given twice; those counted from a base follow each other."""
    ports = Ports.free()
    assert len({ports.frames, ports.events, ports.replay, ports.http}) == 4
    assert Ports.counted_from(6555) == Ports(6555, 6556, 6557, 6558, 6559)
    with pytest.raises(AttributeError):
        ports.address("nothing")
