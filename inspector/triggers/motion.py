"""How the strip moves under one camera, by when its rows were exposed: where it is now, and when a place comes. Pure.

Laws: at constant speed the forecast is that of all frames seen since the speed changed, so that a clock's jitter
averages out; while it changes the last frames' acceleration goes on. Each forecast states how exact it is.

Knows: times and positions along the line. Must not know: coils, defects, rules.
"""

from __future__ import annotations

import itertools
import math
from collections import deque

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


class Motion:
    """What is seen of the motion under one camera."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, float]] = deque(maxlen=MOST)
        """Since the motion began: what a speed follows from."""
        self._way: deque[tuple[int, float]] = deque(maxlen=MOST)
        """Over stands, losses and ways back too: what has passed follows from it."""
        self.own_ns = 0
        """When the camera's own newest row was exposed; 0 where none was since a restart."""
        self._forecast: Forecast | None = None

    def see(self, at_ns: int, line_mm: float) -> None:
        """Take in when a row was exposed, and where it lies."""
        if self._seen and self._begins(at_ns, line_mm):
            self._seen.clear()
        self._seen.append((at_ns, line_mm))
        self._way.append((at_ns, line_mm))
        self._forecast = None

    def set_clock(self, by_ns: int) -> None:
        """Go on by a clock that was set by so much."""
        self._seen, self._way = (
            deque(((ns + by_ns, place_mm) for ns, place_mm in frames), maxlen=MOST)
            for frames in (self._seen, self._way)
        )
        self.own_ns += by_ns if self.own_ns else 0
        self._forecast = None

    def go_with(self, other: Motion, at_ns: int, line_mm: float) -> None:
        """Have moved as was seen elsewhere up to a time, at which the newest row is at `line_mm` here."""
        shift_mm = line_mm - other.place_mm(at_ns)
        self._seen, self._way = (
            deque(((ns, place_mm + shift_mm) for ns, place_mm in frames if ns < at_ns), maxlen=MOST)
            for frames in (other._seen, other._way)
        )
        self.see(at_ns, line_mm)

    def _begins(self, at_ns: int, line_mm: float) -> bool:
        """Whether it did not go on as it did: it stood, ran backwards, or that is unknown."""
        before_ns, before_mm = self._seen[-1]
        pause_s, way_mm = (at_ns - before_ns) / 1e9, line_mm - before_mm
        if pause_s <= 0 or not 0 <= way_mm <= FASTEST_MM_PER_S * pause_s:
            return True
        return len(self._seen) > 1 and pause_s > max(STAND_S, STAND_TIMES * (before_ns - self._seen[-2][0]) / 1e9)

    @property
    def at_ns(self) -> int:
        """When the newest row was exposed, here or elsewhere; 0 where none was."""
        return self._seen[-1][0] if self._seen else 0

    @property
    def since_ns(self) -> int:
        """When the oldest row was exposed that is remembered; 0 where none was."""
        return self._way[0][0] if self._way else 0

    def next_ns(self) -> int:
        """Return when the next frame is exposed, or when it is certain that none is; with half a frame to spare."""
        forecast = self.forecast()
        if forecast is None or len(self._seen) < 2:
            return self.at_ns
        (before_ns, before_mm), (at_ns, line_mm) = self._seen[-2], self._seen[-1]
        there_ns = forecast.when_ns(2 * line_mm - before_mm)
        if there_ns is None:
            there_ns = at_ns if not forecast.acceleration else at_ns + forecast.stop_ns
        return there_ns + (at_ns - before_ns) // 2

    def place_mm(self, ns: int) -> float:
        """Return where it was at a time, as seen; that of the oldest row before, by the forecast after the newest."""
        forecast = self.forecast() if self._way and ns > self._way[-1][0] else None
        return forecast.place_mm(ns) if forecast is not None else self.near_mm(ns)

    def near_mm(self, ns: int) -> float:
        """Return the same at little cost: after the newest row as fast as between the last two."""
        later_ns, later_mm = self._way[-1]
        for before_ns, before_mm in itertools.islice(reversed(self._way), 1, None):
            if before_ns <= ns:
                part = (ns - before_ns) / (later_ns - before_ns) if later_ns > before_ns else 1.0
                return before_mm + part * (later_mm - before_mm)
            later_ns, later_mm = before_ns, before_mm
        return later_mm

    def forecast(self) -> Forecast | None:
        """Return how it goes on; None before the first frame."""
        if self._forecast is None and self._seen:
            self._forecast = _fitted(list(self._seen))
        return self._forecast


def _fitted(seen: list[tuple[int, float]]) -> Forecast:
    at_ns, line_mm = seen[-1]
    s = np.array([(ns - at_ns) / 1e9 for ns, _ in seen])
    mm = np.array([place - line_mm for _, place in seen])
    if len(seen) < LEAST:
        speed = float(mm[0] / s[0]) if len(seen) > 1 else 0.0
        return Forecast(at_ns, line_mm, 0.0, speed, 0.0, np.empty((0, 0)))
    for window_s in WINDOWS_S:
        first = _first(s, window_s)
        fit, spread = _fit(s[first:], mm[first:], 3)
        if abs(fit[2]) <= SURE * math.sqrt(spread[2, 2]):
            (offset_mm, speed), spread = _fit(s[first:], mm[first:], 2)
            return Forecast(at_ns, line_mm, float(offset_mm), float(speed), 0.0, spread)
    first = _first(s, CHANGING_S)
    fit, spread = _fit(s[first:], mm[first:], 3)
    offset_mm, speed, acceleration = fit.tolist()
    return Forecast(at_ns, line_mm, offset_mm, speed, acceleration, spread)


def _first(s: Floats, window_s: float) -> int:
    """The oldest frame of a window."""
    return max(0, min(int(np.searchsorted(s, -window_s)), len(s) - FEWEST))


def _fit(s: Floats, mm: Floats, terms: int) -> tuple[Floats, Floats]:
    """Least squares of position, speed and acceleration; with their covariance."""
    powers: Floats = np.stack((np.ones_like(s), s, s * s / 2), axis=1)[:, :terms]
    inverse: Floats = np.linalg.inv(powers.T @ powers).astype(np.float64)
    fit: Floats = inverse @ (powers.T @ mm)
    rest = mm - powers @ fit
    floor_mm = ROUNDING_MM + abs(float(fit[1])) * CLOCK_NS / 1e9
    noise = float(rest @ rest) / max(1, len(s) - terms) + floor_mm * floor_mm
    return fit, inverse * noise
