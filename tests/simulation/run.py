"""Schedules are run one after another; what fails is made shorter, and named by its seed.

Knows: worlds and schedules. Must not know: what happens in a step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import msgspec

from tests.simulation.schedule import Schedule, Step, draw
from tests.simulation.world import World, worlds

Make = Callable[[Schedule], World]
SHRINK_S = 5.0
"""How long to look for a shorter schedule that fails."""
SHOWN = 12
"""Steps that are shown of one that fails."""
POWER = {"cut": 24, "kill": 6, "say": 10}
"""How often steps come where it is about the disk."""


class Failure(msgspec.Struct, frozen=True):
    """A schedule that fails."""

    schedule: Schedule
    why: str

    def __str__(self) -> str:
        steps = self.schedule.steps
        lines = [f"  {step}" for step in steps[-SHOWN:]]
        before = f"  ... {len(steps) - SHOWN} steps before\n" if len(steps) > SHOWN else ""
        seed = self.schedule.seed
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
                failure = found
            else:
                at += size
        size //= 2
    return failure


def run(seeds: Iterable[int], *, is_enough: Callable[[Tally], bool], kinds: dict[str, int] | None = None) -> Tally:
    """Run seeds until it is enough, or all are done."""
    tally = Tally()
    wall_s, cpu_s = time.monotonic(), time.process_time()
    with worlds() as make:
        for seed in seeds:
            failure = attempt(make, draw(seed, kinds=kinds), tally)
            if failure is not None:
                tally.failures.append(failure)
            tally.wall_s, tally.cpu_s = time.monotonic() - wall_s, time.process_time() - cpu_s
            if is_enough(tally):
                break
        if tally.failures:
            tally.failures[0] = shrink(make, tally.failures[0])
    return tally
