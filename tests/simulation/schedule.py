"""What happens in a schedule, drawn from its seed: how a line is set up, and then one step after another.

A step carries all that chance decides in it, so that it is the same whichever steps before it are left out.
"""

from __future__ import annotations

import random

import msgspec

from inspector.alarms.settings import AlarmSection
from inspector.config.camera import Overload
from inspector.intake.settings import IntakeSection
from inspector.triggers.settings import TriggerSection
from tests.frames import camera, recipe
from tests.simulation.cameras import LineUp
from tests.simulation.line import Setup

NAMES = ("top", "bottom", "third")
STEPS = 120
WEIGHTS = {
    "shoot": 30,
    "take": 26,
    "flow": 16,
    "wait": 12,
    "engine": 8,
    "record": 6,
    "lose": 4,
    "outage": 1,
    "decode": 4,
    "damage": 3,
    "copy": 2,
    "swap": 2,
    "say": 2,
    "order": 4,
    "reload": 1,
    "restart": 1,
    "greet": 1,
    "full": 1,
    "silence": 1,
    "clock": 1,
    "stop": 1,
    "kill": 2,
    "cut": 2,
}
"""How often each kind of step comes."""
RULES = (
    AlarmSection(name="spots", classes=("dark",), count=2, within_m=0.2, off_delay_ms=300),
    AlarmSection(name="latched", classes=("dark",), count=1, within_m=0.1, off_delay_ms=0, latch=True),
    AlarmSection(name="slow", kind="density", per_m=5.0, within_m=0.3, on_delay_ms=50, off_delay_ms=0),
    AlarmSection(name="missed", kind="missed", missed_m=0.02, within_m=0.5, off_delay_ms=100),
    AlarmSection(name="quiet", classes=("dark",), within_m=0.1, off_delay_ms=0, suppressed_by="alarm missed"),
    AlarmSection(name="disk", kind="health", off_delay_ms=0),
)
"""Alarms of which each schedule has some."""
LATCHING = {rule.name for rule in RULES if rule.latch}


TRIGGERS = (
    TriggerSection(name="near", action="mark", position_m=0.05, lead_ms=1.0),
    TriggerSection(name="far", action="stop", position_m=0.4, before_m=0.1, delay_ms=20, classes=("dark",)),
)
"""The same of triggers."""


class Scale(msgspec.Struct, frozen=True):
    """How large schedules are."""

    lengths: dict[int, int]
    """How many schedules have each number of steps: short ones are cheap, some faults need long ones."""
    cameras: tuple[int, ...]
    alarms: int
    """At most."""
    rare: int
    """One schedule in N has what takes time: an engine's maps and their analysis, triggers, a search for repeats."""
    stops: int
    """One schedule in N ends with a stop and another start."""


LARGE = Scale({10: 4, 20: 4, 40: 2, STEPS: 1}, (1, 2, 3), len(RULES), 1, 1)
"""On a simulated disk: a start alone takes it milliseconds."""
SMALL = Scale({2: 4, 3: 4, 4: 4, 6: 2, 9: 1, 14: 1}, (1, 1, 1, 2), 2, 8, 4)
"""On a tape: so small that there are thousands a second."""
ONE_CAMERA = Scale({STEPS: 1}, (1,), 2, 1, 1)


class Step(msgspec.Struct, frozen=True):
    """Something that happens."""

    kind: str
    who: int
    """Which camera, alarm or part; whoever takes it, takes it modulo what there is."""
    amount: int
    """Below 2**32."""

    def __str__(self) -> str:
        return f"{self.kind} who={self.who} amount={self.amount}"


class Schedule(msgspec.Struct, frozen=True):
    """All that a seed says."""

    seed: int
    line: LineUp
    setup: Setup
    stops: bool
    """Whether it ends with a stop and another start."""
    steps: tuple[Step, ...]


def draw(seed: int, *, scale: Scale = LARGE, kinds: dict[str, int] | None = None, steps: int = 0) -> Schedule:
    """Draw a schedule of N steps, 0: as chance has it.

    `kinds` say how often each kind of step comes, in place of what is usual; on the large scale it has all steps then.
    """
    chance = random.Random(seed)
    line = _line(chance, scale)
    setup = _setup(line, chance, scale)
    if not steps:
        lengths = {STEPS: 1} if kinds and scale is LARGE else scale.lengths
        steps = chance.choices([*lengths], [*lengths.values()])[0]
    weights = {**WEIGHTS, **(kinds or {})}
    drawn = chance.choices([*weights], [*weights.values()], k=steps)
    return Schedule(
        seed=seed,
        line=line,
        setup=setup,
        stops=chance.randrange(scale.stops) == 0,
        steps=tuple(Step(kind, chance.randrange(6), chance.getrandbits(32)) for kind in drawn),
    )


def _line(chance: random.Random, scale: Scale) -> LineUp:
    is_credit = chance.random() < 0.5
    wraps = not is_credit and chance.random() < 0.2
    return LineUp(
        cameras=chance.choice(scale.cameras),
        is_credit=is_credit,
        has_encoder=chance.random() < 0.6,
        first_index=chance.choice((0, 240, 1000)) if wraps else chance.choice((0, 0, 5)),
        span=256 if wraps else 0,
    )


def _setup(line: LineUp, chance: random.Random, scale: Scale) -> Setup:
    policies: tuple[Overload, ...] = ("wait", "drop-newest", "drop-oldest")
    facts = {"last_number": line.span - 1} if line.span else {}
    return Setup(
        cameras=tuple(camera(name, overload=chance.choice(policies), **facts) for name in NAMES[: line.cameras]),
        intake=IntakeSection(
            bind="tcp://127.0.0.1:*",
            overload=chance.choice(policies),
            max_age_ms=chance.choice((0, 0, 80, 400)),
            queue_batches=chance.randint(1, 3),
        ),
        max_frames=chance.randint(1, 5),
        wait_ms=chance.choice((1, 10, 40)),
        shared=chance.choice((1, 1, 3, 4)),
        gather_ms=chance.choice((5, 60)),
        credit_frames=chance.choice((2, 5, 12)) if line.is_credit else 0,
        alarms=tuple(chance.sample(RULES, chance.randint(1, scale.alarms))),
        recipe=recipe("dark", "bright"),
        journal_mb=chance.choice((1, 8)),
        triggers=tuple(chance.sample(TRIGGERS, chance.randint(1, 2))) if chance.randrange(scale.rare) == 0 else (),
        has_maps=chance.randrange(scale.rare) == 0,
        finds_repeats=chance.randrange(scale.rare) == 0,
    )
