"""Defects and faults for tests that care about a few facts of them."""

from __future__ import annotations

from typing import Any

from inspector.records.events import CameraStatus, Crowded, Defect, Repeat


def any_defect(**facts: Any) -> Defect:
    """Make a dark spot of 1 mm at the head of coil C, but for these facts."""
    usual: dict[str, Any] = {
        "id": "1",
        "name": "dark",
        "camera": "top",
        "coil": "C",
        "side": "top",
        "start_mm": 0.0,
        "end_mm": 1.0,
        "left_mm": 0.0,
        "right_mm": 1.0,
        "area_mm2": 1.0,
        "confidence": 1.0,
        "is_partial": False,
        "frames": 1,
        "recipe": "r@1",
        "captured_ns": 0,
    }
    return Defect(**{**usual, **facts})


def any_crowded(**facts: Any) -> Crowded:
    """Make a frame of coil C with more than can be defects, but for these facts."""
    usual: dict[str, Any] = {
        "camera": "top",
        "coil": "C",
        "side": "top",
        "start_mm": 0.0,
        "end_mm": 128.0,
        "left_mm": 0.0,
        "right_mm": 1.0,
        "area_mm2": 1.0,
        "regions": {"dark": 1000},
        "confidence": 1.0,
        "recipe": "r@1",
        "captured_ns": 0,
    }
    return Crowded(**{**usual, **facts})


def any_repeat(**facts: Any) -> Repeat:
    """Make a mark of coil C that comes again each half metre, but for these facts."""
    usual: dict[str, Any] = {
        "id": "1",
        "state": "new",
        "name": "dark",
        "coil": "C",
        "side": "top",
        "across_mm": 0.5,
        "period_mm": 500.0,
        "marks": 3,
        "newest": "1",
        "confidence": 1.0,
        "rolls": (),
    }
    return Repeat(**{**usual, **facts})


def camera_status(**facts: Any) -> CameraStatus:
    """Say that camera top is dark, but for these facts."""
    usual: dict[str, Any] = {
        "camera": "top",
        "fault": "dark",
        "state": "raised",
        "status": "failure",
        "message": "",
        "coil": "C",
        "captured_ns": 0,
    }
    return CameraStatus(**{**usual, **facts})
