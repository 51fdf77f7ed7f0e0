"""What subscribers receive: the kinds of events. Changing one breaks them; README.md of events/ is the rule.

Knows: the topic and subject of each kind. Must not know: how an event travels (`envelope.py`), how it came about.
"""

from __future__ import annotations

from typing import get_args

from inspector.records.events.access import REFUSALS, Entrance, RefusalReason, Refused
from inspector.records.events.alarms import Alarm, AlarmState, Commanded, Flood, FloodState, IsaState, Priority
from inspector.records.events.camera import CameraFault, CameraStatus
from inspector.records.events.coil import CoilRecord, CoilReport, CoilState, Decision, Labelled
from inspector.records.events.defect import Defect, Phase
from inspector.records.events.health import (
    HEARTBEAT_TOPIC,
    NE107,
    ArchiveFault,
    ArchiveStatus,
    CameraState,
    Health,
    HealthState,
    Heartbeat,
    JournalFault,
    JournalStatus,
    Ne107,
    RecipeFault,
    RecipeStatus,
)
from inspector.records.events.strip import Crowded, Doubtful, Missed, Repeat, RepeatState, Weld
from inspector.records.events.trigger import Trigger, TriggerAction, TriggerState

__all__ = [
    "CONTRACT",
    "HEARTBEAT_TOPIC",
    "NE107",
    "REFUSALS",
    "ROOTS",
    "Alarm",
    "AlarmState",
    "ArchiveFault",
    "ArchiveStatus",
    "CameraFault",
    "CameraState",
    "CameraStatus",
    "CoilRecord",
    "CoilReport",
    "CoilState",
    "Commanded",
    "Crowded",
    "Data",
    "Decision",
    "Defect",
    "Doubtful",
    "Entrance",
    "Flood",
    "FloodState",
    "Health",
    "HealthState",
    "Heartbeat",
    "IsaState",
    "JournalFault",
    "JournalStatus",
    "Labelled",
    "Missed",
    "Ne107",
    "Phase",
    "Priority",
    "RecipeFault",
    "RecipeStatus",
    "RefusalReason",
    "Refused",
    "Repeat",
    "RepeatState",
    "Trigger",
    "TriggerAction",
    "TriggerState",
    "Weld",
]

CONTRACT = "1.5"
"""Version of what is promised here: the first number grows when an old reader would break, the second with each
addition."""

Data = (
    Defect
    | Repeat
    | Crowded
    | Missed
    | Doubtful
    | Trigger
    | Weld
    | CoilReport
    | CoilRecord
    | Decision
    | Alarm
    | Flood
    | Commanded
    | CameraStatus
    | RecipeStatus
    | ArchiveStatus
    | JournalStatus
    | Labelled
    | Refused
    | Health
    | Heartbeat
)
"""All kinds of today: the one list of them."""

ROOTS = tuple(f"{kind.__struct_config__.tag}." for kind in get_args(Data) if kind is not Heartbeat)
"""First words of the topics, with their dots; `topicseq` counts within each."""
