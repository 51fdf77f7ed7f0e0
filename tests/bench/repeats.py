"""Repeats: planted roll marks found, and random defects that look like some, compared with two plain baselines.

`python -m tests.bench.repeats COILS` looks at that many coils of random defects of each density (default: 1 to 300).
`python -m tests.bench.repeats COILS BUDGET` lets chance show `BUDGET` repeats a coil (default 0.001), for a curve: what
is shown must stay below it by as much at each budget, so that few coils tell of a small one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from inspector.strip.chances import TURNS, Search
from inspector.strip.marks import Mark
from inspector.strip.track import RepeatingMark, Track
from inspector.strip.tracks import Tracks
from tests import dirty_strip
from tests.dirty_strip import CLASSES, COIL_MM, WIDTH_MM

DEFECTS = (200, 2_000, 20_000, 200_000)
COILS = {200: 300, 2_000: 60, 20_000: 4, 200_000: 1}
CLUMPED = (200, 20_000)
"""Loads at which clumps are looked at too."""
TRIALS, CASE_TRIALS = 150, 40
MISSED = 0.3
BATCH_MM = 1280.0
"""Strip whose marks are looked at together: eight frames."""
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
        "| defects a coil | strewn | coils | false repeats (95 % bound a coil) | of it with a tenth of the budget, a "
        "hundredth, a thousandth | marks/s of one core (wanted: 10 000) |"
    )
    print("|---|---|---|---|---|---|")
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
    _print_cases()
    print("\n| defects a coil | autocorrelation, by the 5th mark | Hough |\n|---|---|---|")
    for count in DEFECTS:
        rng = np.random.default_rng(count)
        thresholds = [_calibrated(score, count, rng) for score in (autocorrelation, hough)]
        shares = np.mean([_baselines(rng, count, thresholds) for _ in range(TRIALS)], axis=0)
        print(f"| {count} | " + " | ".join(f"{share:.1%}" for share in shares) + " |", flush=True)


def _print_cases() -> None:
    """Print for each case the share of trials in which every roll of it was found by its fifth mark, three ways."""
    print(f"\ncases, {MISSED:.0%} of the marks missed, {CASE_TRIALS} trials a row")
    print("| defects a coil | case | ours by the 5th mark | and right to the end | autocorrelation | Hough |")
    print("|---|---|---|---|---|---|")
    for count in DEFECTS:
        rng = np.random.default_rng(count)
        thresholds = [_calibrated(score, count, rng) for score in (autocorrelation, hough)]
        for name, plant in CASES.items():
            trials = [_case(rng, count, plant, thresholds) for _ in range(CASE_TRIALS)]
            shares = " | ".join(f"{share:.1%}" for share in np.mean(trials, axis=0))
            print(f"| {count} | {name} | {shares} |", flush=True)


def _rolls(rng: np.random.Generator, number: int, every: int = 1) -> list[tuple[float, list[Mark]]]:
    """Rolls that print in one lane, each once in `every` turns: the distance of its marks, and these."""
    found, across_mm, kind = [], float(rng.uniform(20, 1480)), int(rng.integers(CLASSES))
    for roll in range(number):
        period_mm = every * float(rng.uniform(600, 4000 / every))
        marks = dirty_strip.printed(
            rng, period_mm, float(rng.uniform(20_000, 40_000)), across_mm, turns=25, missed=MISSED, kind=kind
        )
        found.append((period_mm, [msgspec.structs.replace(mark, id=f"roll {roll}") for mark in marks]))
    return found


def _case(
    rng: np.random.Generator, count: int, plant: Callable[[np.random.Generator], Rolls], thresholds: list[float]
) -> list[bool]:
    """Plant rolls; return whether each was found by its fifth mark, and rightly followed, and what the baselines find.

    Rightly: `ended` once its marks stay away and not before, and reported with its first mark behind a weld that lies
    after its eighth.
    """
    rolls = plant(rng)
    end_mm = max(marks[-1].line_mm for _, marks in rolls) + 60_000
    strewn = dirty_strip.strewn(rng, round(count * end_mm / COIL_MM), end_mm)
    marks = sorted([*strewn, *(mark for _, own in rolls for mark in own)], key=lambda mark: mark.line_mm)
    tracks, seen, found, wrong = Tracks(), [0] * len(rolls), [np.inf] * len(rolls), False
    weld_mm = max(own[min(7, len(own) - 1)].line_mm for _, own in rolls) + 1.0
    behind = [next((mark for mark in own if mark.line_mm > weld_mm), None) for _, own in rolls]
    for mark in marks:
        if mark.line_mm > weld_mm:
            tracks.coil()
            weld_mm = np.inf
        repeat = tracks.add(mark)
        ended = tracks.end(mark.line_mm)
        for roll, (period_mm, own) in enumerate(rolls):
            is_own = mark.id == f"roll {roll}"
            seen[roll] += is_own
            if is_own and repeat and any(abs(repeat.period_mm / period_mm - times) < 0.01 for times in (1, 2, 3)):
                found[roll] = min(found[roll], seen[roll])
            wrong |= mark is behind[roll] and not (repeat and repeat.is_new)
            wrong |= any(_is_of(over, period_mm) for over in ended) and mark.line_mm < own[-1].line_mm
    tracks.end(end_mm)
    is_over = not any(_is_of(track, period_mm) for track in tracks.kept().tracks for period_mm, _ in rolls)
    is_found = max(found) <= 5
    lane = np.array([mark.line_mm for mark in marks if mark.name == rolls[0][1][0].name and _is_in(mark, rolls[0][1])])
    last_mm = max(own[min(4, len(own) - 1)].line_mm for _, own in rolls)
    window = lane[(lane <= last_mm) & (lane >= last_mm - Search().window_mm)]
    plain = [score(window) > threshold for score, threshold in zip((autocorrelation, hough), thresholds, strict=True)]
    return [is_found, is_found and not wrong and is_over, *plain]


def _is_of(repeat: RepeatingMark | Track, period_mm: float) -> bool:
    return abs(repeat.period_mm / period_mm - 1) < 0.01


def _is_in(mark: Mark, own: list[Mark]) -> bool:
    return abs(mark.across_mm - own[0].across_mm) <= Search().across_mm


Rolls = list[tuple[float, list[Mark]]]
CASES: dict[str, Callable[[np.random.Generator], Rolls]] = {
    "one roll, from 20 to 40 m on, 25 turns": lambda rng: _rolls(rng, 1),
    "two rolls in one lane": lambda rng: _rolls(rng, 2),
    "a mark each second turn": lambda rng: _rolls(rng, 1, every=2),
}
"""Each begins and ends within the coil, and goes on over a weld."""


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
    """A repeat says how many as convincing chance shows on a coil, so that one run tells of smaller budgets too."""
    began, expected = time.process_time(), list[float]()
    each = max(1, round(count * BATCH_MM / COIL_MM))
    for seed in range(coils):
        repeats = Tracks(Search(false_per_coil=budget))
        marks = dirty_strip.strewn(np.random.default_rng((count, seed)), count, COIL_MM, dirty_strip.STREWN[name])
        for begin in range(0, len(marks), each):
            found = repeats.add_all(marks[begin : begin + each])
            expected += [repeat.expected_false for repeat in found if repeat is not None and repeat.is_new]
    rate = count * coils / (time.process_time() - began)
    fewer = ", ".join(str(sum(chance <= budget / part for chance in expected)) for part in (10, 100, 1000))
    bound = f"{len(expected)} ({_bound(len(expected)) / coils:.4f})"
    print(f"| {count} | {name} | {coils} | {bound} | {fewer} | {rate:.0f} |", flush=True)


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
