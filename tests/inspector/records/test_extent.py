"""Where something lies: how large it is, by positions as they are reported."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inspector.config.severity import SeveritySection, severity
from inspector.triggers.settings import TriggerSection
from tests.defects import any_defect

TENTHS = st.integers(0, 100_000_000)


@given(TENTHS, st.integers(0, 100_000), TENTHS, st.integers(0, 100_000))
def test_it_is_as_large_wherever_it_lies(start: int, length: int, left: int, width: int) -> None:
    """A defect just as large as a rule asks for meets it at each metre: no difference of two floats decides."""
    length_mm, width_mm = length / 10, width / 10
    defect = any_defect(
        start_mm=start / 10, end_mm=(start + length) / 10, left_mm=left / 10, right_mm=(left + width) / 10
    )
    assert (defect.length_mm, defect.width_mm) == (length_mm, width_mm)
    sizes: dict[str, Any] = {"min_length_mm": length_mm, "min_width_mm": width_mm}
    assert TriggerSection(name="t", action="stop", position_m=20.0, **sizes).meets(defect)
    assert severity([SeveritySection(level="critical", **sizes)], "dark", defect) == "critical"
