"""Schedules are run one after another; what fails is made shorter, and named by its tier and its seed.

Knows: worlds and schedules. Must not know: what happens in a step.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec

from tests.simulation.disk import simulated_disk
from tests.simulation.schedule import LARGE, ONE_CAMERA, SMALL, Scale, Schedule, Step, draw
from tests.simulation.tape import Tape
from tests.simulation.world import World

Make = Callable[[Schedule], World]
MEMORY = "/dev/shm"
"""What is written there meets no disk."""
SHRINK_S = 5.0
"""How long to look for a shorter schedule that fails."""
SHOWN = 12
"""Steps that are shown of one that fails."""
POWER = {"cut": 24, "kill": 6, "say": 10}
"""How often steps come where it is about the disk."""


class Tier(NamedTuple):
    """Schedules of one sort."""

    scale: Scale
    on_disk: bool
    """Whether the journal writes files, on a simulated disk; else there is a tape."""
    kinds: Mapping[str, int] = {}
    """How often steps come, in place of what is usual."""

    def draw(self, seed: int, kinds: Mapping[str, int] | None = None) -> Schedule:
        """Draw a schedule."""
        return draw(seed, scale=self.scale, kinds=dict(kinds or self.kinds))


TIERS = {
    "s": Tier(SMALL, False),
    "d": Tier(LARGE, True),
    "p": Tier(LARGE, True, POWER),
    "r": Tier(ONE_CAMERA, False, {"shoot": 90, "kill": 8}),
}
"""By the letter before the seed: small ones on a tape, large ones on a disk, these with many power cuts, and
coils under one camera, which sees a mark again and again."""


class Failure(msgspec.Struct, frozen=True):
    """A schedule that fails."""

    schedule: Schedule
    why: str
    tier: str = "d"

    def __str__(self) -> str:
        steps = self.schedule.steps
        lines = [f"  {step}" for step in steps[-SHOWN:]]
        before = f"  ... {len(steps) - SHOWN} steps before\n" if len(steps) > SHOWN else ""
        seed = f"{self.tier}{self.schedule.seed}"
        return f"seed {seed}: {self.why}\n{before}" + "\n".join(lines) + f"\nmake simulate SEED={seed} shows all steps"


class Tally(msgspec.Struct):
    """What was done."""

    schedules: int = 0
    steps: int = 0
    cuts: int = 0
    published: int = 0
    failures: list[Failure] = msgspec.field(default_factory=list)
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def add(self, other: Tally) -> None:
        """Take in what another process did at the same time."""
        for name in ("schedules", "steps", "cuts", "published", "cpu_s"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.failures += other.failures
        self.wall_s = max(self.wall_s, other.wall_s)

    def __str__(self) -> str:
        rate = self.cpu_s or 1.0
        return (
            f"{self.schedules} schedules, {self.steps} steps in {self.wall_s:.1f} s, {self.cpu_s:.1f} of them of the "
            f"processor: {self.schedules / rate:.0f} schedules and {self.steps / rate:.0f} steps a second of it; "
            f"{self.cuts} power cuts, {self.published} events published; {len(self.failures)} failed"
        )


def attempt(make: Make, schedule: Schedule, tally: Tally, show: Callable[[str], None] | None = None) -> Failure | None:
    """Run one schedule; return how it failed, with the steps up to there."""
    done = list[Step]()
    world: World | None = None
    why = ""
    try:
        world = make(schedule)
        for step in schedule.steps:
            done.append(step)
            if show:
                show(f"{len(done):4}  {step}")
            world.do(step)
        world.finish()
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
    tally.schedules += 1
    tally.steps += len(done)
    if world is not None:
        tally.cuts += world.cuts
        tally.published += len(world.record.published)
        world.close()
    return Failure(msgspec.structs.replace(schedule, steps=tuple(done)), why) if why else None


def shrink(make: Make, failure: Failure, for_s: float = SHRINK_S) -> Failure:
    """Leave out steps while it still fails."""
    until_s, size = time.monotonic() + for_s, max(1, len(failure.schedule.steps) // 2)
    while size and time.monotonic() < until_s:
        at = 0
        while at < len(failure.schedule.steps) and time.monotonic() < until_s:
            steps = failure.schedule.steps
            shorter = msgspec.structs.replace(failure.schedule, steps=steps[:at] + steps[at + size :])
            found = attempt(make, shorter, Tally())
            if found is not None:
                failure = msgspec.structs.replace(found, tier=failure.tier)
            else:
                at += size
        size //= 2
    return failure


def run(seeds: Iterable[int], *, is_enough: Callable[[Tally], bool], tier: str = "d") -> Tally:
    """Run seeds of a tier until it is enough, or all are done."""
    tally = Tally()
    wall_s, cpu_s = time.monotonic(), time.process_time()
    with worlds(TIERS[tier].on_disk) as make:
        for seed in seeds:
            failure = attempt(make, TIERS[tier].draw(seed), tally)
            if failure is not None:
                tally.failures.append(msgspec.structs.replace(failure, tier=tier))
            tally.wall_s, tally.cpu_s = time.monotonic() - wall_s, time.process_time() - cpu_s
            if is_enough(tally):
                break
        if tally.failures:
            tally.failures[0] = shrink(make, tally.failures[0])
    return tally


@contextmanager
def worlds(on_disk: bool = True) -> Iterator[Make]:
    """Give what makes worlds, one after another, on one disk or tape."""
    log = logging.getLogger("inspector")
    was_disabled, log.disabled = log.disabled, True
    try:
        if not on_disk:
            tape = Tape()
            yield lambda schedule: World(schedule, tape)
            return
        with TemporaryDirectory(prefix="simulation-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
            root = Path(folder).resolve() / "journal"
            root.mkdir()
            with simulated_disk(root) as disk:
                yield lambda schedule: World(schedule, disk)
    finally:
        log.disabled = was_disabled
