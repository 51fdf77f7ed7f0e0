"""Random schedules for a time, or one again: `python -m tests.simulation`; see `make simulate`."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.mutants import MUTANTS, hunt
from tests.simulation.run import POWER, Tally, attempt, run
from tests.simulation.schedule import draw
from tests.simulation.world import worlds


def main() -> bool:
    """Return whether all held."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="run random seeds for so long")
    parser.add_argument("--seed", type=int, help="run this one, and show each step")
    parser.add_argument("--cuts", type=int, help="run until the power was cut this often")
    parser.add_argument("--mutants", action="store_true", help="see how soon each planted fault is found")
    options = parser.parse_args()
    if options.mutants:
        return _mutants(time.time_ns() // 1000 % 10**9)
    if options.seed is not None:
        return _replay(options.seed)
    if options.cuts:
        tally = run(itertools.count(time.time_ns() // 1000 % 10**9), is_enough=_cuts(options.cuts), kinds=POWER)
        print(f"{tally.cuts} power cuts: {_lost(tally)}")
    else:
        tally = _at_once(time.time_ns() // 1000 % 10**9, options.seconds)
    print(tally)
    for failure in tally.failures[:1]:
        print(failure)
    return not tally.failures


def _at_once(first: int, seconds: float) -> Tally:
    """Run random seeds on all cores."""
    jobs, tally = len(os.sched_getaffinity(0)), Tally()
    with ProcessPoolExecutor(jobs) as pool:
        for found in pool.map(_some, range(first, first + jobs), [jobs] * jobs, [seconds] * jobs):
            tally.add(found)
    return tally


def _some(first: int, step: int, seconds: float) -> Tally:
    """Run each `step`-th seed for a time."""
    return run(itertools.count(first, step), is_enough=lambda tally: bool(tally.failures) or tally.wall_s > seconds)


def _cuts(most: int) -> Callable[[Tally], bool]:
    return lambda tally: bool(tally.failures) or tally.cuts >= most


def _lost(tally: Tally) -> str:
    if tally.failures:
        return "FAILED"
    return f"of {tally.published} published events 0 are missing, 0 holes, 0 files corrupt"


def _replay(seed: int) -> bool:
    schedule = draw(seed)
    print(schedule.line, schedule.setup, sep="\n")
    with worlds() as make:
        failure = attempt(make, schedule, Tally(), print)
    print(failure.why if failure else "all holds")
    return failure is None


def _mutants(seed: int) -> bool:
    print(f"{'planted fault':50}{'schedules':>10}{'CPU s':>8}{'s':>8}  how it was found")
    is_good = True
    for name, mutant in MUTANTS.items():
        caught = hunt(mutant, seed)
        is_good &= caught.failure is not None
        why = caught.failure.why.partition("\n")[0][:90] if caught.failure else "NOT FOUND"
        print(f"{name:50}{caught.schedules:>10}{caught.cpu_s:>8.2f}{caught.wall_s:>8.2f}  {why}", flush=True)
    return is_good


if __name__ == "__main__":
    sys.exit(not main())
