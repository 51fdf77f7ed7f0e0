"""A camera on a line of coils, and the ledger that a subscriber could keep of it: for tests of the strip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import strategies as st

from inspector.config.camera import CameraSection
from inspector.records.events import CoilReport, Data, Missed
from inspector.records.frame import Header
from inspector.records.stages import Inspected, Loss
from inspector.strip.coils import UNNAMED
from inspector.strip.geometry import SLACK
from tests.frames import dropped, header, inspected, missing, rejected

LENGTH_MM = 10.0
"""Strip that each frame covers."""
NEAR_MM = SLACK * LENGTH_MM + 0.1
"""How far stretches may lie apart: the slack, and the rounding of positions in events."""
CAMERAS = [CameraSection(name=name, mm_per_px=1.0, mm_per_row=1.0) for name in ("top", "bottom")]
Arrival = Inspected | Loss
Step = tuple[str, int]


class Camera:
    """What intake would say of one camera, and where its frames truly lie."""

    def __init__(self, name: str = "top", *, encoder: bool = True) -> None:
        self.name, self.encoder = name, encoder
        self.coil, self.boot, self.number, self.at_mm = "coil0", 0, 0, 0.0
        self.unsaid = 0
        """Frames that are missing and that no later frame has shown yet."""
        self.is_leaping = encoder
        """Whether the next frame's number does not explain its position: another confirms it at once."""
        self.is_counted = True
        """Whether intake knows the number of the last frame that came."""
        self.last: Header | None = None
        self.farthest_mm = 0.0
        """Of the frames that came, seen or lost, since the camera came to the coil."""

    def do(self, step: Step) -> list[Arrival]:
        """Let something happen; return what arrives."""
        kind, amount = step
        match kind:
            case "seen" | "overload":
                return self._frame(kind)
            case "crc":  # and a good frame, which shows where the bad one lay
                is_known, unsaid = self.last is not None, self.unsaid
                self._pass(1)
                self.unsaid = unsaid
                return [rejected("crc", self.name), *self._frame("seen", bad=int(is_known))]
            case "repeat" if self.last is not None and self.last.boot == f"b{self.boot}":
                return [rejected("order", self.name)]
            case "unreadable":
                self._pass(1)
                return [Loss("rejected", "json", "", 1)]
            case "missing":
                self._pass(amount)
            case "restart":
                self.boot, self.number, self.is_leaping = self.boot + 1, amount, self.encoder
                self.at_mm += amount * LENGTH_MM if self.encoder else 0.0
            case "jump" if self.encoder:
                self.is_leaping = True
                self.at_mm += amount * 3.7
            case "back" if self.encoder:
                self.at_mm -= amount * 3.7
            case "coil" if self.coil.partition(".")[0] != f"coil{amount}":
                # without positions a name that comes back after a frame would be taken for the coil that goes on
                self.coil, self.at_mm = (
                    f"coil{amount}" if self.encoder else f"coil{amount}.{self.boot}.{self.number}",
                    0.0,
                )
                self.farthest_mm, self.is_leaping = 0.0, False
                return self._frame("seen" if amount else "overload", begins=True)
        return []

    def pass_unseen(self, frames: int) -> None:
        """Send frames that nobody takes, and that no intake will miss."""
        self._pass(frames)
        self.is_counted, self.is_leaping = False, self.encoder

    def _pass(self, frames: int) -> None:
        self.number += frames
        self.unsaid += frames
        self.at_mm += frames * LENGTH_MM if self.encoder else 0.0

    def _frame(self, kind: str, *, begins: bool = False, bad: int = 0) -> list[Arrival]:
        if self.last is None or self.last.boot != f"b{self.boot}":
            self.unsaid = 0  # nobody can know what is missing
        if not self.encoder:
            self.at_mm += LENGTH_MM * (1 if begins else self.unsaid + bad + 1)
        jitter_mm = (self.number % 5 - 2) * 0.01 if self.encoder else 0.0
        start_mm = self.at_mm + jitter_mm if self.encoder else None
        shown: list[Arrival] = [missing(self.unsaid, self.name)] if self.unsaid and self.is_counted else []
        self.is_counted = True
        self.last = header(self.number, self.name, f"b{self.boot}", coil=self.coil, start_mm=start_mm)
        self._pass(1)
        self.unsaid = 0
        self.farthest_mm = max(self.farthest_mm, self.at_mm + jitter_mm)  # at its end by now
        arrivals = [*shown, inspected(self.last) if kind == "seen" else dropped(self.last)]
        if self.is_leaping:
            self.is_leaping = False
            arrivals += self._frame(kind)
        return arrivals


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["seen", "overload", "crc", "repeat", "unreadable"]), st.just(1)),
        st.tuples(st.sampled_from(["seen"]), st.just(1)),
        st.tuples(st.sampled_from(["missing", "jump", "back", "wait"]), st.integers(1, 9)),
        st.tuples(st.sampled_from(["restart", "coil"]), st.integers(0, 2)),
    ),
    max_size=40,
)


class Ledger:
    """What a subscriber can know: how far each coil is accounted for, from events and inspected frames alone."""

    def __init__(self) -> None:
        self.edge_mm: dict[str, float] = {}
        self.ended: list[tuple[str, float]] = []
        self.reasons: Counter[str] = Counter()
        self._sums_mm: dict[str, list[float]] = {}
        self._kept: dict[str, tuple[float, list[float]]] = {}

    def receive(self, reported: Iterable[Data], *, is_stop: bool = False) -> None:
        """Take in what was reported; at a stop, a coil that ends may go on with what is known of it."""
        for item in reported:
            match item:
                case CoilReport(state="started"):
                    assert item.coil not in self.edge_mm
                    goes_on = item.inspected_m + item.missed_m > 0
                    edge_mm, sums_mm = self._kept[item.coil] if goes_on else (0.0, [0.0, 0.0])
                    self._kept = {}
                    self.edge_mm[item.coil], self._sums_mm[item.coil] = edge_mm, sums_mm
                case Missed():
                    assert abs(item.start_mm - self.edge_mm[item.coil]) <= NEAR_MM, "a hole or an overlap"
                    assert item.end_mm > item.start_mm or item.reasons, "an event about nothing"
                    self._sums_mm[item.coil][1] += item.end_mm - item.start_mm
                    self.edge_mm[item.coil] = item.end_mm
                    self.reasons.update(item.reasons)
                case CoilReport():
                    edge_mm = self.edge_mm.pop(item.coil)
                    totals_mm = [item.inspected_m * 1000, item.missed_m * 1000]
                    assert totals_mm == pytest.approx(self._sums_mm[item.coil], abs=5)
                    assert sum(totals_mm) == pytest.approx(edge_mm, abs=1.5)
                    self.ended.append((item.coil, edge_mm))
                    if is_stop:
                        self._kept[item.coil] = edge_mm, self._sums_mm[item.coil]

    def see(self, frame: Inspected, at_mm: float | None = None) -> None:
        """Take in an inspected frame."""
        of = frame.frame.header
        coil = of.coil or UNNAMED
        start_mm = of.start_mm if of.start_mm is not None else at_mm
        assert start_mm is not None
        assert start_mm <= self.edge_mm[coil] + NEAR_MM, "a hole before an inspected frame"
        end_mm = max(self.edge_mm[coil], start_mm + of.height * (of.mm_per_row or 1.0))
        self._sums_mm[coil][0] += end_mm - self.edge_mm[coil]
        self.edge_mm[coil] = end_mm
