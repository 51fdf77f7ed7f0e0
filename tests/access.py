"""Keys for tests, and doors that ask for them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from inspector.access import folder
from inspector.access.door import Door
from inspector.access.folder import Role
from inspector.access.gate import Gate, ServerKeys
from inspector.access.keys import Key
from inspector.access.refusals import Refusals
from inspector.camera import Camera, Transport
from inspector.config.camera import CameraSection
from inspector.demand import Demand
from inspector.intake.credit import CreditIntake
from inspector.intake.push import Intake
from inspector.intake.receipts import Known
from inspector.intake.settings import BatchSection, IntakeSection
from inspector.records.events import Entrance
from inspector.records.stages import Frame, Loss
from inspector.signals import Flag
from tests.frames import HEIGHT, WIDTH, consumed
from tests.intakes import SECTIONS, Context
from tests.patience import patience_s

LOOPBACK = "tcp://127.0.0.1:*"


class Keys:
    """A folder of keys."""

    def __init__(self, path: Path) -> None:
        self.folder = path

    def new(self, name: str, *roles: Role, cameras: Sequence[str] = ()) -> Path:
        """Make a key, of a camera unless `roles` say otherwise; return its file."""
        roles = roles or ("camera",)
        return folder.issue(
            self.folder, name, roles=roles, cameras=folder.camera_names(name, roles, cameras), made="2026-11-27"
        )

    def revoke(self, name: str) -> None:
        """Take a key back."""
        folder.revoke(self.folder, name)

    def stranger(self, name: str) -> Key:
        """A key that this inspector never made, though made for it."""
        return Key.new(name, folder.own(self.folder).public)


class Gated:
    """An authenticator in a context, and doors on loopback that ask for keys all the same."""

    def __init__(self, context: Context, keys: Keys) -> None:
        self.refusals = Refusals()
        self._gate = Gate(context, ServerKeys(folder.own(keys.folder), keys.folder, loopback=True), self.refusals)

    def door(self, entrance: Entrance) -> Door:
        """The door of a socket."""
        return self._gate.door(entrance, LOOPBACK)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate.close()


class KeyedIntake:
    """An intake that asks for keys, drained while a test waits."""

    def __init__(self, context: Context, keys: Keys, transport: Transport) -> None:
        self.keys, self.transport = keys, transport
        self.gated = Gated(context, keys)
        section = IntakeSection(bind=LOOPBACK, transport=transport, max_frame_mb=1)
        cameras: tuple[CameraSection, ...] = SECTIONS
        demand, self.stop = Demand(2), Flag()
        kind = CreditIntake if transport == "credit" else Intake
        self.intake = kind(
            context,
            section,
            BatchSection(max_frames=4, wait_ms=5),
            cameras=cameras,
            height=HEIGHT,
            width=WIDTH,
            stop=self.stop,
            demand=demand,
            known=Known(cameras) if transport == "credit" else None,
            door=self.gated.door("intake"),
        )
        self._demand = demand
        self._batches = consumed(self.intake, demand)
        self.ends: Counter[str] = Counter()

    def camera(self, name: str, key: Key | Path | None) -> Camera:
        """A camera client."""
        return Camera(
            self.intake.address,
            name,
            transport=self.transport,
            key=key,
            patience_s=patience_s(),
        )

    def turn(self) -> None:
        """Take a batch, and acknowledge its frames as if they were on disk."""
        batch = next(self._batches)
        self._demand.acknowledge(batch.receipts)
        for arrival in batch.arrivals:
            match arrival:
                case Frame():
                    self.ends[f"frame of {arrival.header.camera}"] += 1
                case Loss():
                    self.ends[arrival.reason] += arrival.count

    def until(self, holds: Callable[[], object], camera: Camera | None = None) -> None:
        """Take batches, and tend a camera, until something holds."""
        deadline = time.monotonic() + patience_s()
        while not holds():
            if camera is not None:
                camera.tend()
            assert time.monotonic() < deadline, f"only {self.ends}, {self.gated.refusals.counts()}"
            self.turn()

    def refused(self, reason: str) -> int:
        """How often the door refused for this reason."""
        return sum(count for (_, why), count in self.gated.refusals.counts().items() if why == reason)

    def close(self) -> None:
        """End it."""
        self.intake.close()
        self.gated.__exit__(None, None, None)
