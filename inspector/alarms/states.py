"""States of an alarm after ISA-18.2 / IEC 62682, and what leads from one to the next: the table is the code. Pure.

Every entry into `unacknowledged` is one alarm that an operator has to answer.
"""

from __future__ import annotations

from typing import Literal

from inspector.records.events import AlarmState

Cause = Literal["met", "gone", "acknowledge"]
"""The condition has been met for `on_delay_ms`; it has been gone for `off_delay_ms`; an operator acknowledges."""

TABLE: dict[AlarmState, dict[Cause, AlarmState]] = {
    # state           condition met               condition gone        acknowledged
    "normal":         {"met": "unacknowledged"},
    "unacknowledged": {                           "gone": "returned",   "acknowledge": "acknowledged"},
    "acknowledged":   {                           "gone": "normal"},
    "returned":       {"met": "unacknowledged",                         "acknowledge": "normal"},
}  # fmt: skip
"""What a cause makes of a state; where nothing stands, nothing changes."""
