"""Repeats: planted roll marks found, and random defects that look like some, compared with two plain baselines.

`python -m tests.bench.repeats COILS` looks at that many coils of random defects of each density (default: 1 to 300).
`python -m tests.bench.repeats COILS BUDGET` lets chance show `BUDGET` repeats a coil (default 0.001), for a curve: what
is shown must stay below it by as much at each budget, so that few coils tell of a small one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from inspector.strip.chances import TURNS, Search
from inspector.strip.marks import Mark
from inspector.strip.tracks import Tracks
from tests import dirty_strip
from tests.dirty_strip import CLASSES, COIL_MM, WIDTH_MM

DEFECTS = (200, 2_000, 20_000, 200_000)
COILS = {200: 300, 2_000: 60, 20_000: 4, 200_000: 1}
CLUMPED = (200, 20_000)
"""Loads at which clumps are looked at too."""
TRIALS = 150
MISSED = 0.3
BIN_MM = 10.0
"""Bin of the baselines along the strip."""
CALIBRATION_LANES = 400
KINDS = {"places alone": (False, 0), "and sizes": (True, 0), "ten rolls known": (False, 10), "both": (True, 10)}
"""Whether sizes are evidence, and how many rolls are known."""
Floats = NDArray[np.float64]
Score = Callable[[Floats], float]


def main(coils: int | None = None, budget: float = Search().false_per_coil) -> None:
    """Print false repeats and the share of planted ones that was found by the fifth mark, for each density."""
    print(f"random defects on coils of {COIL_MM / 1e6:.0f} km x {WIDTH_MM / 1e3:.1f} m, {CLASSES} classes")
    print(f"{budget:g} false repeats a coil allowed")
    print(
        "| defects a coil | strewn | coils | false repeats (95 % bound a coil) | marks/s of one core (wanted: 10 000) |"
    )
    print("|---|---|---|---|---|")
    for count in DEFECTS:
        for name, strew in dirty_strip.STREWN.items():
            if strew is dirty_strip.evenly or count in CLUMPED:
                _print_false(count, coils or COILS[count], budget, name)
    print(f"\nplanted: one roll of 600 to 4000 mm, {MISSED:.0%} of its marks missed, {TRIALS} trials a row")
    print("| defects a coil | evidence | found by the 4th mark | 5th (wanted: 99 %) | 6th | 8th |")
    print("|---|---|---|---|---|---|")
    for count in DEFECTS:
        for name, (is_sized, rolls) in KINDS.items():
            rng = np.random.default_rng(count)
            found = np.array([_trial(rng, count, is_sized, rolls) for _ in range(TRIALS)])
            print(
                f"| {count} | {name} | " + " | ".join(f"{np.mean(found <= n):.1%}" for n in (4, 5, 6, 8)) + " |",
                flush=True,
            )
    print("\n| defects a coil | autocorrelation, by the 5th mark | Hough |\n|---|---|---|")
    for count in DEFECTS:
        rng = np.random.default_rng(count)
        thresholds = [_calibrated(score, count, rng) for score in (autocorrelation, hough)]
        shares = np.mean([_baselines(rng, count, thresholds) for _ in range(TRIALS)], axis=0)
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


def _print_false(count: int, coils: int, budget: float, name: str) -> None:
    began, false = time.process_time(), 0
    for seed in range(coils):
        repeats = Tracks(Search(false_per_coil=budget))
        marks = dirty_strip.strewn(np.random.default_rng((count, seed)), count, COIL_MM, dirty_strip.STREWN[name])
        found = [repeats.add(mark) for mark in marks]
        false += sum(repeat is not None and repeat.is_new for repeat in found)
    rate = count * coils / (time.process_time() - began)
    print(f"| {count} | {name} | {coils} | {false} ({_bound(false) / coils:.4f}) | {rate:.0f} |", flush=True)


def _planted(rng: np.random.Generator, count: int, is_sized: bool) -> tuple[list[Mark], float, float, str]:
    """Marks of one roll among random defects, its period, its place across and its class."""
    period_mm, across_mm, kind = float(rng.uniform(600, 4000)), float(rng.uniform(20, 1480)), int(rng.integers(CLASSES))
    length_mm = 30 * period_mm + 20_000
    start_mm = float(rng.uniform(0, 20_000))
    marks = dirty_strip.printed(rng, period_mm, start_mm, across_mm, missed=MISSED, kind=kind, is_sized=is_sized)
    marks += dirty_strip.strewn(rng, round(count * length_mm / COIL_MM), length_mm, is_sized=is_sized)
    return sorted(marks, key=lambda mark: mark.line_mm), period_mm, across_mm, f"{kind}"


def _trial(rng: np.random.Generator, count: int, is_sized: bool, rolls: int) -> float:
    """Plant one roll, known as one of some or not; return after how many of its marks it was found (inf: never)."""
    marks, period_mm, _, _ = _planted(rng, count, is_sized)
    known_mm = (period_mm, *rng.uniform(600, 4000, rolls - 1).tolist()) if rolls else ()
    repeats, planted = Tracks(Search(known_mm=known_mm)), 0
    for mark in marks:
        repeat, is_planted = repeats.add(mark), mark.id.startswith("roll")
        planted += is_planted
        if is_planted and repeat and any(abs(repeat.period_mm / period_mm - times) < 0.01 for times in (1, 2, 3)):
            return planted
    return float("inf")


def _baselines(rng: np.random.Generator, count: int, thresholds: list[float]) -> list[bool]:
    """Plant one roll; return whether autocorrelation and Hough have found it by its fifth mark."""
    marks, _, across_mm, kind = _planted(rng, count, is_sized=False)
    found, planted, lane = [False, False], 0, list[float]()
    for mark in marks:
        if mark.name == kind and abs(mark.across_mm - across_mm) <= Search().across_mm:
            lane.append(mark.line_mm)
        if not mark.id.startswith("roll") or planted >= 5:
            continue
        planted += 1
        window = np.array(lane)
        window = window[window >= mark.line_mm - Search().window_mm]
        for place, (score, threshold) in enumerate(zip((autocorrelation, hough), thresholds, strict=True)):
            found[place] = found[place] or score(window) > threshold
    return found


def _calibrated(score: Score, count: int, rng: np.random.Generator) -> float:
    """The highest score among lanes of random defects: far more false alarms than ours may give."""
    window_mm = TURNS * Search().max_period_mm
    expected = count / CLASSES / COIL_MM * window_mm * 2 * Search().across_mm / WIDTH_MM
    lanes = [np.sort(rng.uniform(0, window_mm, rng.poisson(expected))) for _ in range(CALIBRATION_LANES)]
    return max(2.0, *(score(lane) for lane in lanes))


def _bound(events: int) -> float:
    """Upper 95 % bound of a Poisson mean after that many events (Wilson and Hilferty's approximation to chi square)."""
    number = events + 1
    return float(number * (1 - 1 / (9 * number) + 1.645 / (3 * np.sqrt(number))) ** 3)


if __name__ == "__main__":
    main(*[kind(text) for kind, text in zip((int, float), sys.argv[1:], strict=False)])
