"""All stages of a line together: what they must know over a restart goes into the journal and comes back."""

import logging
from pathlib import Path

import pytest
import zmq

from inspector.engines.screening import ScreenAccounts
from inspector.metrics import Metrics
from inspector.records.events import CameraStatus, Data
from inspector.records.stages import Findings
from inspector.service import line
from inspector.service.archive import Archive
from inspector.service.desk import Desk
from inspector.service.settings import CommandsSection
from inspector.service.stages import Stages
from tests.defects import camera_status


def last_findings(stages: Stages, settings: line.Config) -> Findings:
    """What a flow ends with that never had a batch."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    desk = Desk(context, CommandsSection(bind="tcp://127.0.0.1:*"), "test", lambda: "")
    reports: list[Data] = []
    archive = Archive(settings, reports.append)
    try:
        (found,) = stages.findings((), Metrics(["top"], ["pitted"]), desk, archive)
    finally:
        desk.close()
        assert archive.close(60.0)
        context.destroy()
    return found


def configuration(folder: Path, camera: str = "top") -> line.Config:
    """A line of one camera."""
    (folder / "line.toml").write_text(
        'line = "test"\n[recipe]\npath = "recipe"\n[intake]\nbind = "tcp://127.0.0.1:5001"\n[[camera]]\nname = "'
        f'{camera}"\nmm_per_px = 0.5\nmm_per_row = 0.5\n[events]\nbind = "tcp://127.0.0.1:5002"\n'
        'replay_bind = "tcp://127.0.0.1:5003"\n[journal]\npath = "journal"\n'
    )
    return line.load(folder / "line.toml")


def test_states_come_back_and_one_that_cannot_be_read_costs_only_its_stage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each stage takes up its own state without a word; a damaged one is logged by the stage's name."""
    settings = configuration(tmp_path)
    found = last_findings(Stages(settings, [ScreenAccounts()]), settings)
    assert found.is_last and {"strip", "alarms", "camera_health", "recipe_health", "screens"} <= found.states.keys()
    with caplog.at_level(logging.WARNING):
        Stages(settings).restore(found.states)
        assert not caplog.records
        Stages(settings).restore({**found.states, "strip": b"damaged"})
    assert [record.args[0] for record in caplog.records if isinstance(record.args, tuple)] == ["strip"]


def test_a_fault_of_a_camera_that_is_taken_away_ends_with_the_next_start(tmp_path: Path) -> None:
    """Of what stood only that is returned which no stage follows any more: published, and for the alarms."""
    dark = camera_status()
    stages = Stages(configuration(tmp_path))
    stages.restore({"camera_health": b'{"top": ["dark"]}'})
    states = stages.after_the_end([dark]).states
    again, other = Stages(configuration(tmp_path)), Stages(configuration(tmp_path, "low"))
    again.restore(states)
    assert again.settle([], "r@1") == []
    other.restore(states)
    (over,) = other.settle([], "r@1")
    assert isinstance(over, CameraStatus)
    assert (over.camera, over.fault, over.state, over.status) == ("top", "dark", "returned", "normal")
    later = Stages(configuration(tmp_path, "low"))
    later.restore(other.after_the_end([over]).states)
    assert later.settle([], "r@1") == []
