"""Random schedules for a time, or one again: `python -m tests.simulation`; see `make simulate`."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.mutants import MUTANTS, hunt
from tests.simulation.run import TIERS, Tally, attempt, run, worlds
from tests.simulation.schedule import Schedule
from tests.simulation.world import World

SMALL_SHARE = 0.6
"""Of the time, for small schedules."""


def main() -> bool:
    """Return whether all held."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="run random seeds for so long")
    parser.add_argument("--seed", help="run this one, and show each step: s for a small one, d or p for one on a disk")
    parser.add_argument("--cuts", type=int, help="run until the power was cut this often")
    parser.add_argument("--mutants", action="store_true", help="see how soon each planted fault is found")
    options = parser.parse_args()
    if options.mutants:
        return _mutants(time.time_ns() // 1000 % 10**9)
    if options.seed is not None:
        return _replay(options.seed)
    first = time.time_ns() // 1000 % 10**9
    if options.cuts:
        tally = run(itertools.count(first), is_enough=_cuts(options.cuts), tier="p")
        print(f"{tally.cuts} power cuts: {_lost(tally)}")
        return _reported("large schedules on a simulated disk, power cut again and again", tally)
    share_s = SMALL_SHARE * options.seconds
    small = _at_once("s", first, share_s)
    large = _at_once("d", first, options.seconds - share_s)
    is_good = _reported("small schedules, 2 to 14 steps, with the journal's promises on a tape", small)
    return (
        _reported("large schedules, 10 to 120 steps, with the journal's files on a simulated disk", large) and is_good
    )


def _reported(what: str, tally: Tally) -> bool:
    """Print what was done; return whether all held."""
    print(f"{what}:\n  {tally}")
    for failure in tally.failures[:1]:
        print(failure)
    return not tally.failures


def _at_once(tier: str, first: int, seconds: float) -> Tally:
    """Run random seeds of a tier on all cores."""
    jobs, tally = len(os.sched_getaffinity(0)), Tally()
    with ProcessPoolExecutor(jobs) as pool:
        for found in pool.map(_some, [tier] * jobs, range(first, first + jobs), [jobs] * jobs, [seconds] * jobs):
            tally.add(found)
    return tally


def _some(tier: str, first: int, step: int, seconds: float) -> Tally:
    """Run each `step`-th seed for a time."""
    seeds = itertools.count(first, step)
    return run(seeds, is_enough=lambda tally: bool(tally.failures) or tally.wall_s > seconds, tier=tier)


def _cuts(most: int) -> Callable[[Tally], bool]:
    return lambda tally: bool(tally.failures) or tally.cuts >= most


def _lost(tally: Tally) -> str:
    if tally.failures:
        return "FAILED"
    return f"of {tally.published} published events 0 are missing, 0 holes, 0 files corrupt"


def _replay(seed: str) -> bool:
    """Run a schedule by its letter and number, `d` where there is no letter."""
    letter, number = ("d", seed) if seed.isdigit() else (seed[:1], seed[1:])
    if letter not in TIERS or not number.isdigit():
        print(f"{seed}: expected a letter, {', '.join(TIERS)}, and a number")
        return False
    schedule = TIERS[letter].draw(int(number))
    print(schedule.line, schedule.setup, sep="\n")
    mills = list[World]()

    def made(schedule: Schedule) -> World:
        mills.append(make(schedule))
        return mills[-1]

    with worlds(TIERS[letter].on_disk) as make:
        failure = attempt(made, schedule, Tally(), print)
    for mill in mills:
        payloads = b"".join(mill.record.published.values())
        print(f"{len(mill.record.published)} events published, CRC {zlib.crc32(payloads):08x}")
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
