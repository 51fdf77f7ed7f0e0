"""Repeats: planted roll marks found, and random defects that look like some, compared with two plain baselines.

`python -m tests.bench.repeats COILS` looks at that many coils of random defects of each density (default: 1 to 300).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from inspector.strip.chances import TURNS, Search
from inspector.strip.tracks import Mark, Tracks

COIL_MM, WIDTH_MM, CLASSES = 5e6, 1500.0, 4
DEFECTS = (200, 2_000, 20_000, 200_000)
COILS = {200: 300, 2_000: 100, 20_000: 5, 200_000: 1}
TRIALS = 150
MISSED = 0.3
BIN_MM = 10.0
"""Bin of the baselines along the strip."""
CALIBRATION_LANES = 400
Floats = NDArray[np.float64]
Score = Callable[[Floats], float]


def main(coils: int | None = None) -> None:
    """Print false repeats and the share of planted ones that was found by the fifth mark, for each density."""
    print(f"random defects on coils of {COIL_MM / 1e6:.0f} km x {WIDTH_MM / 1e3:.1f} m, {CLASSES} classes")
    print(
        "| defects a coil | coils | false repeats (wanted: at most 1 in 1 000) | marks/s of one core (wanted: 10 000) |"
    )
    print("|---|---|---|---|")
    for count in DEFECTS:
        number = coils or COILS[count]
        began = time.process_time()
        false = sum(_false(np.random.default_rng((count, seed)), count) for seed in range(number))
        rate = count * number / (time.process_time() - began)
        print(
            f"| {count} | {number} | {false} (95 % bound {_bound(false) / number:.3f} a coil) | {rate:.0f} |",
            flush=True,
        )
    print(f"\nplanted: one roll of 600 to 4000 mm, {MISSED:.0%} of its marks missed, {TRIALS} trials a row")
    print("| defects a coil | found by the 5th mark (wanted: 99 %) | by the 8th | autocorrelation | Hough |")
    print("|---|---|---|---|---|")
    for count in DEFECTS:
        rng = np.random.default_rng(count)
        thresholds = [_calibrated(score, count, rng) for score in (autocorrelation, hough)]
        found = np.array([_trial(rng, count, thresholds) for _ in range(TRIALS)])
        shares = [np.mean(found[:, 0] <= 5), np.mean(found[:, 0] <= 8), *np.mean(found[:, 1:] <= 5, axis=0)]
        print(f"| {count} | " + " | ".join(f"{share:.1%}" for share in shares) + " |", flush=True)


def autocorrelation(line_mm: Floats) -> float:
    """Highest number of pairs of marks in one lane that lie equally far apart, in bins of `BIN_MM`."""
    away = (line_mm[:, None] - line_mm[None, :])[np.tril_indices(len(line_mm), -1)]
    away = away[(away >= Search().min_period_mm) & (away <= Search().max_period_mm)]
    return float(np.bincount((away / BIN_MM).astype(np.intp)).max()) if away.size else 0.0


def hough(line_mm: Floats) -> float:
    """Highest number of marks in one lane that share period and phase, in bins of `BIN_MM`."""
    best = 0.0
    away = (line_mm[:, None] - line_mm[None, :])[np.tril_indices(len(line_mm), -1)]
    away = away[(away >= Search().min_period_mm) & (away <= Search().max_period_mm)]
    for period_mm in np.unique(np.round(away / BIN_MM)) * BIN_MM:
        phase = np.bincount((np.mod(line_mm, period_mm) / (2 * BIN_MM)).astype(np.intp))
        best = max(best, float(phase.max()))
    return best


def _false(rng: np.random.Generator, count: int) -> int:
    repeats = Tracks()
    found = [repeats.add(mark) for mark in _strewn(rng, count, COIL_MM)]
    return sum(repeat is not None and repeat.is_new for repeat in found)


def _strewn(rng: np.random.Generator, count: int, length_mm: float) -> list[Mark]:
    line_mm, across_mm = np.sort(rng.uniform(0, length_mm, count)), rng.uniform(0, WIDTH_MM, count)
    kinds = rng.integers(0, CLASSES, count)
    return [Mark(f"random-{n}", f"{kinds[n]}", "top", float(across_mm[n]), float(line_mm[n])) for n in range(count)]


def _printed(rng: np.random.Generator, period_mm: float, start_mm: float, across_mm: float) -> list[Mark]:
    turns = np.flatnonzero(rng.random(30) >= MISSED)
    line_mm = start_mm + np.cumsum(period_mm * (1 + rng.normal(0, 0.0005, 30)))[turns] + rng.normal(0, 1, len(turns))
    across = across_mm + rng.normal(0, 1, len(turns))
    return [
        Mark(f"roll-{n}", "0", "top", float(x), float(y)) for n, (x, y) in enumerate(zip(across, line_mm, strict=True))
    ]


def _trial(rng: np.random.Generator, count: int, thresholds: list[float]) -> list[float]:
    """Plant one roll; return after how many of its marks ours, autocorrelation and Hough found it (inf: never)."""
    period_mm, across_mm = float(rng.uniform(600, 4000)), float(rng.uniform(20, 1480))
    length_mm = 30 * period_mm + 20_000
    marks = _printed(rng, period_mm, float(rng.uniform(0, 20_000)), across_mm)
    marks += _strewn(rng, round(count * length_mm / COIL_MM), length_mm)
    marks.sort(key=lambda mark: mark.line_mm)
    repeats, found, planted = Tracks(), [np.inf] * 3, 0
    lane: list[float] = []
    for mark in marks:
        repeat = repeats.add(mark)
        is_planted = mark.id.startswith("roll")
        planted += is_planted
        if mark.name == "0" and abs(mark.across_mm - across_mm) <= Search().across_mm:
            lane.append(mark.line_mm)
        if not is_planted or planted > 10:
            continue
        if repeat is not None and any(abs(repeat.period_mm / period_mm - times) < 0.01 for times in (1, 2, 3)):
            found[0] = min(found[0], planted)
        window = np.array(lane)
        window = window[window >= mark.line_mm - TURNS * Search().max_period_mm]
        for place, (score, threshold) in enumerate(zip((autocorrelation, hough), thresholds, strict=True), start=1):
            if score(window) > threshold:
                found[place] = min(found[place], planted)
    return found


def _calibrated(score: Score, count: int, rng: np.random.Generator) -> float:
    """The highest score among lanes of random defects: far more false alarms than ours may give."""
    window_mm = TURNS * Search().max_period_mm
    expected = count / CLASSES / COIL_MM * window_mm * 2 * Search().across_mm / WIDTH_MM
    lanes = [np.sort(rng.uniform(0, window_mm, rng.poisson(expected))) for _ in range(CALIBRATION_LANES)]
    return max(2.0, *(score(lane) for lane in lanes))


def _bound(events: int) -> float:
    """Upper 95 % bound of a Poisson mean after that many events (normal approximation from one event on)."""
    return 3.0 if events == 0 else events + 1.645 * np.sqrt(events) + 2.0


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
