"""What a coil is good for: every limit, every dead zone, and what can never be released."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.coil import settings
from inspector.coil.grade import densest, grade
from inspector.coil.settings import GradingSection, LimitSection
from inspector.config.severity import SeveritySection, severity
from inspector.records.events import Doubtful, Missed
from tests.coils_seen import seen
from tests.defects import any_crowded, any_defect


def limit(**facts: Any) -> LimitSection:
    """A limit that allows nothing."""
    return LimitSection(**{"name": "l", "grade": "hold", "max_count": 0, **facts})


def rules(*limits: LimitSection, **facts: Any) -> GradingSection:
    """A set of rules."""
    return GradingSection(**{"name": "customer", "version": "7", "limit": limits, **facts})


def at(start_m: float, length_mm: float = 10.0, **facts: Any) -> Any:
    """A defect in the middle of the strip."""
    start_mm = 1000 * start_m
    return any_defect(
        **{"start_mm": start_mm, "end_mm": start_mm + length_mm, "left_mm": 500.0, "right_mm": 505.0, **facts}
    )


def missed(start_m: float, end_m: float, camera: str = "top") -> Missed:
    """A stretch that was not inspected."""
    return Missed(camera=camera, coil="C", start_mm=1000 * start_m, end_mm=1000 * end_m, reasons={"lost": 1})


def test_a_coil_within_all_limits_is_released() -> None:
    """Nothing beyond a limit: released, without a reason; the rules' version stands in the grade."""
    found = grade(seen(at(5.0)), rules(limit(max_count=1)))
    assert (found.grade, found.reasons, found.rules, found.version, found.graded) == ("release", (), "customer", "7", 1)


def test_the_worst_limit_decides_and_each_gives_its_reason() -> None:
    """Hold and block together: blocked, both reasons there, the block first."""
    held, blocked = limit(name="few"), limit(name="many", grade="block", max_count=1, classes=("dark",))
    found = grade(seen(at(5.0, id="1"), at(6.0, id="2")), rules(held, blocked))
    assert found.grade == "block"
    assert found.reasons == (
        "block: 2 defects (dark) from 5.000 to 6.010 m, 1 is allowed (many)",
        "hold: 2 defects from 5.000 to 6.010 m, 0 are allowed (few)",
    )


@pytest.mark.parametrize(
    ("facts", "is_met"),
    [
        ({"classes": ("bright",)}, False),
        ({"min_length_mm": 10.0}, True),
        ({"min_length_mm": 10.1}, False),
        ({"min_width_mm": 5.1}, False),
        ({"min_area_mm2": 2.0}, False),
        ({"min_confidence": 0.5}, True),
        ({"side": "bottom"}, False),
        ({"min_severity": "major"}, True),
        ({"min_severity": "critical"}, False),
        ({"within_m": 3.0}, True),
    ],
)
def test_a_limit_counts_what_it_says(facts: dict[str, Any], is_met: bool) -> None:
    """Class, size, side, confidence and severity each leave out what is not meant."""
    severities = [SeveritySection(level="major", classes=("dark",), min_length_mm=10.0)]
    assert (grade(seen(at(5.0)), rules(limit(**facts)), severities).grade == "hold") == is_met


def test_a_density_counts_any_such_length() -> None:
    """Three defects within two metres are found wherever they lie; spread out they are allowed."""
    three = limit(max_count=2, within_m=2.0, name="cluster")
    close = grade(seen(at(1.0), at(50.3), at(51.1), at(52.2)), rules(three))
    assert close.reasons == ("hold: 3 defects within 2 m, from 50.300 to 52.210 m, 2 are allowed (cluster)",)
    assert grade(seen(at(1.0), at(50.0), at(53.0), at(57.0)), rules(three)).grade == "release"


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 30)), max_size=30), st.integers(0, 60))
def test_densest_agrees_with_a_search_of_all_windows(boxes: list[tuple[int, int]], within_mm: int) -> None:
    """The densest stretch holds as many as the best of all stretches that begin at an end or a start."""
    start_mm = np.array([float(start) for start, _ in boxes])
    end_mm = start_mm + np.array([float(length) for _, length in boxes])
    begins = [0.0, *start_mm, *end_mm]
    best = max(int(((end_mm >= begin) & (start_mm <= begin + within_mm)).sum()) for begin in begins)
    assert densest(start_mm, end_mm, float(within_mm))[0] == (len(boxes) if not within_mm else best)


def test_dead_zones_are_recorded_not_graded() -> None:
    """Head, tail, edges and weld: what lies in one altogether is left out, what reaches out of it counts."""
    zones = rules(limit(), head_m=2.0, tail_m=3.0, edge_mm=20.0, weld_m=1.0)
    inside = [
        at(0.5),
        at(97.5),
        at(50.0, left_mm=0.0, right_mm=20.0),
        at(50.0, left_mm=985.0, right_mm=1000.0),
        at(59.5),
    ]
    out = grade(seen(*inside, welds_mm=(60_000.0,)), zones)
    assert (out.grade, out.graded, out.left_out) == ("release", 0, 5)
    for defect in (at(1.999), at(96.995), at(50.0, left_mm=0.0, right_mm=21.0), at(58.995)):
        counted = grade(seen(defect, welds_mm=(60_000.0,)), zones)
        assert (counted.grade, counted.graded, counted.left_out) == ("hold", 1, 0), defect


def test_a_dead_zone_begins_at_the_edge_of_the_strip_that_is_followed() -> None:
    """Narrower strip than the cameras see: the zone counts from its own edges, as far as they are known."""
    zones = rules(limit(), edge_mm=20.0)
    inside = [
        at(50.0, left_mm=110.0, right_mm=115.0, edge_mm=10.0, reach_mm=20.0),
        at(50.0, left_mm=800.0, right_mm=805.0, far_edge_mm=5.0, far_reach_mm=20.0),
    ]
    assert (grade(seen(*inside), zones).grade, grade(seen(*inside), zones).left_out) == ("release", 2)
    reaching = [
        at(50.0, left_mm=110.0, right_mm=115.0, edge_mm=10.0, reach_mm=20.1),
        at(50.0, left_mm=110.0, right_mm=115.0, edge_mm=10.0),  # not known all along it
        at(50.0, left_mm=5.0, right_mm=15.0, reach_mm=25.0),
    ]
    for defect in reaching:
        assert grade(seen(defect), zones).grade == "hold", defect


def test_a_tail_that_may_be_missed_is_not_released() -> None:
    """Frames that were lost as the coil ended count as far as they can have shown graded strip."""
    gap = Missed(camera="top", coil="C", start_mm=100_000, end_mm=100_000, reasons={"lost": 10}, at_most_mm=640.0)
    allowed = rules(limit(), max_missed_m=0.1)
    (reason,) = grade(seen(missed=[gap]), allowed).reasons
    assert reason.startswith("hold: up to 0.640 m of graded strip may not have been inspected")
    assert grade(seen(missed=[gap]), rules(limit(), max_missed_m=0.7)).grade == "release"
    assert grade(seen(missed=[gap]), rules(limit(), max_missed_m=0.1, tail_m=0.6)).grade == "release"


@pytest.mark.parametrize(
    ("start_m", "end_m", "welds_m", "graded_m"),
    [
        (100, 100, [], 0.0),  # the tail, whose dead zone is farther on then
        (90, 100, [], 0.0),
        (100, 100, [100], 0.0),
        (99, 99, [], 0.0),  # another camera saw the end
        (50, 50, [50], 1.5),  # welded to another since
        (49, 49.5, [50], 1.5),
        (50, 51, [50], 1.5),  # and turned round
        (0, 0, [], 1.0),
        (0, 10, [], 1.0),
        (0, 0, [0], 1.0),
        (20, 20, [50], 2.0),
    ],
)
def test_strip_that_may_be_missed_has_the_dead_zone_where_it_lies(
    start_m: float, end_m: float, welds_m: list[float], graded_m: float
) -> None:
    """Head, tail and welds leave out what may lie there, and none what lies elsewhere."""
    gap = msgspec.structs.replace(missed(start_m, end_m), at_most_mm=2000.0)
    coil = seen(missed=[gap], welds_mm=tuple(1000.0 * weld_m for weld_m in welds_m))
    zones = {"head_m": 1.0, "tail_m": 3.0, "weld_m": 0.5}
    found = grade(coil, rules(**zones)).missed_m
    for more_m, verdict in ((-0.01, "hold"), (0.01, "release")):
        allowed_m = found + graded_m + more_m
        if allowed_m > 0:
            assert grade(coil, rules(**zones, max_missed_m=allowed_m)).grade == verdict


def test_strip_of_unknown_length_is_not_released() -> None:
    """Any amount may have passed, whatever is allowed and whatever lost frames explain, out of dead zones too."""

    def gap(at_m: float, reason: str, of_m: float = 0.0) -> Missed:
        return msgspec.structs.replace(missed(at_m - of_m, at_m), reasons={reason: 0})

    for reason in ("restart", "unconfirmed"):
        found = grade(seen(missed=[gap(60.0, reason), gap(50.0, reason), gap(50.0, reason)]), rules(max_missed_m=9.0))
        assert (found.grade, found.missed_m) == ("hold", 0.0)
        assert found.reasons == ("hold: strip of unknown length was not inspected in 2 places (the first at 50.000 m)",)
        assert grade(seen(missed=[gap(50.0, reason)]), rules(missed="block")).grade == "block"
        assert grade(seen(missed=[gap(50.0, reason, of_m=0.5)]), rules(max_missed_m=9.0)).grade == "hold"
        assert grade(seen(missed=[gap(100.0, reason)]), rules()).grade == "hold"
        zones = rules(head_m=2.0, tail_m=2.0, weld_m=1.0)
        for at_m in (0.0, 1.0, 49.5, 50.0, 99.0, 100.0):
            assert grade(seen(missed=[gap(at_m, reason)], welds_mm=(50_000.0,)), zones).grade == "hold", at_m
    assert grade(seen(missed=[gap(50.0, "reset"), gap(50.0, "down")]), rules()).grade == "release"


def test_a_coil_that_runs_has_no_tail() -> None:
    """The newest metres of a coil that runs are no dead zone: nobody knows where it ends."""
    found = grade(seen(at(97.5), is_over=False), rules(limit(), tail_m=3.0))
    assert (found.grade, found.graded) == ("hold", 1)


def test_a_coil_of_dead_zones_alone_is_not_released() -> None:
    """It is shorter than head and tail together: nobody has looked at what lies on it, and no limit can be passed."""
    found = grade(seen(at(50.0)), rules(limit(), head_m=60.0, tail_m=40.0))
    assert (found.grade, found.graded, found.left_out) == ("hold", 0, 1)
    (reason,) = found.reasons
    assert reason == "hold: nothing is graded: all 100.000 m lie in dead zones"
    assert grade(seen(at(50.0)), rules(limit(), head_m=60.0, tail_m=40.0, missed="block")).grade == "block"
    assert grade(seen(), rules(limit(), head_m=60.0, tail_m=39.9)).grade == "release"
    assert grade(seen(at(50.0), is_over=False), rules(limit(), head_m=100.0)).grade == "release"


def test_a_coil_that_dead_zones_of_welds_cover_is_not_released() -> None:
    """Alone, or with those of head and tail: nothing counts there, no defect and no missed strip."""
    ends_mm, gap = (0.0, 100_000.0), missed(5.0, 95.0)
    alone = grade(seen(at(20.0), missed=[gap], welds_mm=ends_mm), rules(limit(), weld_m=60.0))
    assert (alone.grade, alone.graded, alone.missed_m) == ("hold", 0, 0.0)
    assert alone.reasons == ("hold: nothing is graded: all 100.000 m lie in dead zones",)
    for zones in ({"head_m": 40.0}, {"tail_m": 40.0}, {"head_m": 20.0, "tail_m": 20.0}):
        middle = rules(limit(), weld_m=60.0, **zones)
        assert grade(seen(at(1.0), welds_mm=(100_000.0, 0.0)), middle).grade == "hold"
    assert grade(seen(at(20.0), welds_mm=ends_mm), rules(limit(), weld_m=49.9)).grade == "release"
    assert grade(seen(at(20.0)), rules(weld_m=60.0)).grade == "release"  # no weld is there
    assert grade(seen(at(20.0), welds_mm=ends_mm, is_over=False), rules(limit(), weld_m=60.0)).grade == "release"


@given(st.floats(0, 5), st.floats(0.001, 5))
def test_more_missed_metres_than_allowed_are_never_released(allowed_m: float, more_m: float) -> None:
    """Whatever else the rules say."""
    gap = missed(10.0, 10.0 + allowed_m + more_m)
    assert grade(seen(missed=[gap]), rules(max_missed_m=allowed_m)).grade == "hold"
    assert grade(seen(missed=[gap]), rules(max_missed_m=allowed_m, missed="block")).grade == "block"


def test_missed_strip_counts_once_per_camera_and_only_where_it_is_graded() -> None:
    """A stretch reported twice counts once, two cameras count both, a dead zone not."""
    gaps = [missed(0.0, 1.0), missed(10.0, 11.0), missed(10.5, 12.0), missed(10.0, 11.0, "bottom")]
    found = grade(seen(missed=gaps), rules(head_m=1.0, max_missed_m=3.0))
    assert (found.missed_m, found.grade) == (3.0, "release")


def test_what_was_not_seen_is_not_released() -> None:
    """A coil whose head the journal has lost, and one with a crowded frame, are held."""
    assert grade(seen(is_whole=False), rules()).reasons == ("hold: the journal no longer holds all of this coil",)
    crowd = any_crowded(start_mm=4000.0, end_mm=4160.0)
    assert grade(seen(crowded=[crowd]), rules()).grade == "hold"
    assert grade(seen(crowded=[crowd]), rules(max_crowded=1)).grade == "release"


def doubtful(start_m: float, end_m: float, *faults: str, camera: str = "top") -> Doubtful:
    """A stretch that was not surely seen."""
    return Doubtful(camera=camera, coil="C", start_mm=1000 * start_m, end_mm=1000 * end_m, faults=faults or ("dark",))


def test_what_was_not_surely_seen_is_not_released() -> None:
    """Not by default; what is allowed are metres of graded strip, once per camera, and the grade has their number."""
    blind = seen(doubtful=[doubtful(0.0, 60.0), doubtful(60.0, 100.0, "frozen"), doubtful(0.0, 10.0, camera="bottom")])
    found = grade(blind, rules(missed="block"))
    assert found.reasons == (
        "block: 110.000 m of graded strip were not surely seen (the first at 0.000 m; dark, frozen), 0 m are allowed",
    )
    assert (found.grade, found.doubtful_m, found.missed_m) == ("block", 110.0, 0.0)
    twice = seen(doubtful=[doubtful(2.0, 6.0), doubtful(5.0, 7.0)], welds_mm=(7000.0,))
    assert grade(twice, rules(max_doubtful_m=4.9)).grade == "hold"
    assert grade(twice, rules(max_doubtful_m=5.0)).grade == "release"
    zones = rules(head_m=3.0, weld_m=1.5, max_doubtful_m=2.5)
    assert (grade(twice, zones).grade, grade(twice, zones).doubtful_m) == ("release", 2.5)
    head = seen(doubtful=[doubtful(0.0, 2.0, "frozen"), doubtful(50.0, 60.0, "flat")])
    assert "; flat)" in grade(head, zones).reasons[0]
    assert grade(seen(doubtful=[doubtful(0.0, 2.0)]), rules(head_m=2.0)).grade == "release"


def test_alarms_are_counted_by_name() -> None:
    """An alarm that was raised too often holds the coil."""
    raised = {"pits": 2, "cracks": 1}
    assert grade(seen(alarms=raised), rules(limit(counts="alarms", classes=("pits",), max_count=1))).grade == "hold"
    assert grade(seen(alarms=raised), rules(limit(counts="alarms", max_count=3))).grade == "release"
    assert grade(seen(alarms=raised), rules(limit(counts="alarms", max_count=1)), by_grade=["pits"]).grade == "release"


def test_severity_by_columns_is_severity_by_defect() -> None:
    """A column of defects and one defect are as severe by the same rules."""
    severities = [
        SeveritySection(level="critical", classes=("crack",), min_length_mm=20.0),
        SeveritySection(level="major", min_area_mm2=3.0),
    ]
    defects = [at(1.0, name=name, length_mm=length, area_mm2=area)
               for name in ("crack", "dark") for length in (19.9, 20.0) for area in (2.9, 3.0)]  # fmt: skip
    levels = seen(*defects).columns.severities(severities)
    assert [("minor", "major", "critical")[level] for level in levels] == [
        severity(severities, defect.name, defect) for defect in defects
    ]


def test_rules_that_cannot_decide_are_faults() -> None:
    """A hold behind its block, sizes of alarms, names twice: each is named."""
    sections = [
        rules(limit(name="h", max_count=5), limit(name="b", grade="block", max_count=5)),
        rules(limit(counts="alarms", min_length_mm=1.0)),
        rules(limit(), limit(grade="block", max_count=1)),
    ]
    found = [next(iter(settings.faults([section])), "") for section in sections]
    assert "it can never decide" in found[0] and '"h"' in found[0]
    assert "which are those of defects" in found[1]
    assert 'has 2 limits "l"' in found[2]
    good = rules(limit(name="h", max_count=4), limit(name="b", grade="block", max_count=5))
    assert not list(settings.faults([good]))


def test_no_error_of_a_float_decides() -> None:
    """What ends just where a weld's dead zone does is left out, and one just within a stretch counts, at each metre."""
    for tenth in range(100):
        weld_mm, reach = 510 + tenth / 10, 5001
        zone = rules(limit(), weld_m=reach / 10_000)
        within = any_defect(start_mm=(5100 + tenth - reach) / 10, end_mm=(5100 + tenth + reach) / 10)
        assert grade(seen(within, welds_mm=(weld_mm,)), zone).grade == "release"
        first = any_defect(id="1", start_mm=0.0, end_mm=tenth / 10)
        second = any_defect(id="2", start_mm=(tenth + 7) / 10, end_mm=(tenth + 8) / 10)
        assert grade(seen(first, second), rules(limit(max_count=1, within_m=0.0007))).grade == "hold"


def test_missed_strip_at_a_weld_is_left_out() -> None:
    """What was not inspected within a weld's dead zone counts no more than its defects do."""
    gap, beyond = missed(9.0, 10.4), missed(10.4, 12.0)
    assert grade(seen(missed=[gap], welds_mm=(10_000.0,)), rules(weld_m=1.0)).grade == "release"
    found = grade(seen(missed=[gap, beyond], welds_mm=(10_000.0,)), rules(weld_m=1.0))
    assert (found.grade, found.missed_m) == ("hold", 1.0)
