"""How the strip moves under one camera, by when its rows were exposed: where it is now, and when a place comes. Pure.

Laws: at constant speed the forecast is that of all frames seen since the speed changed, so that a clock's jitter
averages out; while it changes the last frames' acceleration goes on. Each forecast states how exact it is.

Knows: times and positions along the line. Must not know: coils, defects, rules.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

MOST = 256
"""Frames that are looked back at."""
WINDOWS_S = (2.0, 1.0, 0.5, 0.25)
"""Times that are looked back, the longest at whose frames the speed was constant; where it changes, `CHANGING_S`."""
CHANGING_S = 0.5
FEWEST = 8
"""Frames that are looked back at anyway."""
LEAST = 4
"""Fewer frames tell no speed that could be relied on."""
SURE = 4.0
"""An acceleration of this number of standard deviations is one."""
CLOCK_NS = 1_000
"""Exposure times are no surer than this."""
ROUNDING_MM = 0.01
FASTEST_MM_PER_S = 100_000.0
"""Faster than any mill: the position jumped."""
STANDS_MM_PER_S = 1e-3
STAND_TIMES, STAND_S = 4, 0.2
"""A pause this many times as long as the one before, and so long at least, is a stand: the motion begins again."""

Floats = NDArray[np.float64]


class Forecast(msgspec.Struct, frozen=True, eq=False):
    """The motion as the last frames show it: position, speed, acceleration at `at_ns`."""

    at_ns: int
    """When the newest row was exposed."""
    line_mm: float
    """Its position along the line."""
    offset_mm: float
    """Where the fitted motion has it, from there."""
    speed: float
    """mm/s."""
    acceleration: float
    """mm/s^2; 0 where it is not certain."""
    spread: Floats
    """Covariance of what was fitted, (2, 2) or (3, 3); empty where the frames are too few to tell."""

    @property
    def is_steady(self) -> bool:
        """Whether the speed is known, and constant."""
        return self.spread.shape == (2, 2)

    @property
    def stop_ns(self) -> int:
        """How long until it stands, where it slows down; else nothing."""
        return max(0, round(-self.speed / self.acceleration * 1e9)) if self.acceleration else 0

    def place_mm(self, ns: int) -> float:
        """Return the position along the line at a time; strip that comes to a stand stays there."""
        s = (ns - self.at_ns) / 1e9
        if self.speed * self.acceleration < 0:
            s = min(s, self.stop_ns / 1e9)
        return self.line_mm + self.offset_mm + self.speed * s + self.acceleration * s * s / 2

    def when_ns(self, line_mm: float) -> int | None:
        """Return when a position ahead comes; None where the strip does not come there as it moves now."""
        way_mm = line_mm - self.line_mm - self.offset_mm
        if way_mm <= 0 and self.speed > STANDS_MM_PER_S:
            return self.at_ns + round(way_mm / self.speed * 1e9)
        under = self.speed * self.speed + 2 * self.acceleration * way_mm
        if self.speed <= STANDS_MM_PER_S or under < 0:
            return None
        # the stable form of the quadratic formula: it holds for an acceleration of 0
        return self.at_ns + round(2 * way_mm / (self.speed + math.sqrt(under)) * 1e9)

    def within_mm(self, ns: int) -> float:
        """Return how exact the position at a time is: three standard deviations, and an acceleration that may end."""
        s = abs(ns - self.at_ns) / 1e9
        if not self.spread.size:
            return abs(self.speed) * s
        powers = np.array([1.0, s, s * s / 2])[: len(self.spread)]
        return 3 * math.sqrt(float(powers @ self.spread @ powers)) + abs(self.acceleration) * s * s / 2


class _Rows:
    """When the newest rows of the last frames were exposed, and where they lie."""

    def __init__(self, ns: Iterable[int] = (), mm: Iterable[float] = ()) -> None:
        self.ns = deque(ns, maxlen=MOST)
        self.mm = deque(mm, maxlen=MOST)

    def add(self, at_ns: int, line_mm: float) -> None:
        self.ns.append(at_ns)
        self.mm.append(line_mm)

    def columns(self) -> tuple[NDArray[np.int64], Floats]:
        """All of them, the oldest first."""
        return np.fromiter(self.ns, np.int64, len(self.ns)), np.fromiter(self.mm, np.float64, len(self.mm))

    def moved(self, before_ns: int, by_mm: float) -> _Rows:
        """Return those of before a time, farther on by so much."""
        ns, mm = self.columns()
        is_before = ns < before_ns
        return _Rows(ns[is_before].tolist(), (mm[is_before] + by_mm).tolist())


class Motion:
    """What is seen of the motion under one camera."""

    def __init__(self) -> None:
        self._seen = _Rows()
        """Since the motion began: what a speed follows from."""
        self._way = _Rows()
        """Over stands, losses and ways back too: what has passed follows from it."""
        self.own_ns = 0
        """When the camera's own newest row was exposed; 0 where none was since a restart."""
        self._forecast: Forecast | None = None

    def see(self, at_ns: int, line_mm: float) -> None:
        """Take in when a row was exposed, and where it lies."""
        if self._seen.ns and self._begins(at_ns, line_mm):
            self._seen = _Rows()
        self._seen.add(at_ns, line_mm)
        self._way.add(at_ns, line_mm)
        self._forecast = None

    def set_clock(self, by_ns: int) -> None:
        """Go on by a clock that was set by so much."""
        self._seen, self._way = (_Rows((ns + by_ns for ns in rows.ns), rows.mm) for rows in (self._seen, self._way))
        self.own_ns += by_ns if self.own_ns else 0
        self._forecast = None

    def go_with(self, other: Motion, at_ns: int, line_mm: float) -> None:
        """Have moved as was seen elsewhere up to a time, at which the newest row is at `line_mm` here."""
        shift_mm = line_mm - other.place_mm(at_ns)
        self._seen, self._way = (rows.moved(at_ns, shift_mm) for rows in (other._seen, other._way))
        self.see(at_ns, line_mm)

    def _begins(self, at_ns: int, line_mm: float) -> bool:
        """Whether it did not go on as it did: it stood, ran backwards, or that is unknown."""
        before_ns, before_mm = self._seen.ns[-1], self._seen.mm[-1]
        pause_s, way_mm = (at_ns - before_ns) / 1e9, line_mm - before_mm
        if pause_s <= 0 or not 0 <= way_mm <= FASTEST_MM_PER_S * pause_s:
            return True
        seen_ns = self._seen.ns
        return len(seen_ns) > 1 and pause_s > max(STAND_S, STAND_TIMES * (before_ns - seen_ns[-2]) / 1e9)

    @property
    def at_ns(self) -> int:
        """When the newest row was exposed, here or elsewhere; 0 where none was."""
        return self._seen.ns[-1] if self._seen.ns else 0

    @property
    def since_ns(self) -> int:
        """When the oldest row was exposed that is remembered; 0 where none was."""
        return self._way.ns[0] if self._way.ns else 0

    def next_ns(self) -> int:
        """Return when the next frame is exposed, or when it is certain that none is; with half a frame to spare."""
        forecast, ns, mm = self.forecast(), self._seen.ns, self._seen.mm
        if forecast is None or len(ns) < 2:
            return self.at_ns
        there_ns = forecast.when_ns(2 * mm[-1] - mm[-2])
        if there_ns is None:
            there_ns = ns[-1] if not forecast.acceleration else ns[-1] + forecast.stop_ns
        return there_ns + (ns[-1] - ns[-2]) // 2

    def place_mm(self, ns: int) -> float:
        """Return where it was at a time, as seen; that of the oldest row before, by the forecast after the newest."""
        forecast = self.forecast() if self._way.ns and ns > self._way.ns[-1] else None
        return forecast.place_mm(ns) if forecast is not None else self.near_mm(ns)

    def near_mm(self, ns: int) -> float:
        """Return the same at little cost: after the newest row as fast as between the last two."""
        later_ns, later_mm = self._way.ns[-1], self._way.mm[-1]
        before = zip(reversed(self._way.ns), reversed(self._way.mm), strict=True)
        for before_ns, before_mm in itertools.islice(before, 1, None):
            if before_ns <= ns:
                part = (ns - before_ns) / (later_ns - before_ns) if later_ns > before_ns else 1.0
                return before_mm + part * (later_mm - before_mm)
            later_ns, later_mm = before_ns, before_mm
        return later_mm

    def forecast(self) -> Forecast | None:
        """Return how it goes on; None before the first frame."""
        if self._forecast is None and self._seen.ns:
            self._forecast = _fitted(self._seen)
        return self._forecast


def _fitted(seen: _Rows) -> Forecast:
    at_ns, line_mm = seen.ns[-1], seen.mm[-1]
    ns, place_mm = seen.columns()
    s, mm = (ns - at_ns) / 1e9, place_mm - line_mm
    if len(s) < LEAST:
        speed = float(mm[0] / s[0]) if len(s) > 1 else 0.0
        return Forecast(at_ns, line_mm, 0.0, speed, 0.0, np.empty((0, 0)))
    fits = {}
    for window_s in WINDOWS_S:
        first = _first(s, window_s)
        powers = _powers(s[first:])
        fit, spread = fits[window_s] = _fit(powers, mm[first:])
        if abs(fit[2]) <= SURE * math.sqrt(spread[2, 2]):
            (offset_mm, speed), spread = _fit(powers[:, :2], mm[first:])
            return Forecast(at_ns, line_mm, float(offset_mm), float(speed), 0.0, spread)
    fit, spread = fits[CHANGING_S]
    offset_mm, speed, acceleration = fit.tolist()
    return Forecast(at_ns, line_mm, offset_mm, speed, acceleration, spread)


def _first(s: Floats, window_s: float) -> int:
    """The oldest frame of a window."""
    return max(0, min(int(np.searchsorted(s, -window_s)), len(s) - FEWEST))


def _powers(s: Floats) -> Floats:
    """What position, speed and acceleration each add to a place at a time, (frames, 3)."""
    powers = np.empty((len(s), 3))
    powers[:, 0], powers[:, 1], powers[:, 2] = 1.0, s, s * s / 2
    return powers


def _fit(powers: Floats, mm: Floats) -> tuple[Floats, Floats]:
    """Least squares of position, speed and, of three powers, acceleration; with their covariance."""
    inverse: Floats = np.linalg.inv(powers.T @ powers).astype(np.float64, copy=False)
    fit: Floats = inverse @ (powers.T @ mm)
    rest = mm - powers @ fit
    floor_mm = ROUNDING_MM + abs(float(fit[1])) * CLOCK_NS / 1e9
    noise = float(rest @ rest) / max(1, len(mm) - len(fit)) + floor_mm * floor_mm
    return fit, inverse * noise
