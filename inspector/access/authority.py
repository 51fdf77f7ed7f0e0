"""Who is admitted at this moment, as the folder of keys says it.

Laws: a key that is gone from the folder is admitted nowhere from the next look on, and what its connections still send
is refused message by message. A folder that cannot be read changes nothing: those known stay, nobody new comes in. So
it is with a record that cannot be read, which is tried again until it can. What stands is logged once.

Knows: the folder, by its look. Must not know: sockets. Any thread may ask; one looks.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

from inspector.access import folder
from inspector.access.folder import Admitted, Grant, Role

log = logging.getLogger("inspector")

PAUSE_NS = 1_000_000_000
"""Before a record is tried again that could not be read."""


class Authority:
    """The keys of one folder."""

    def __init__(self, path: Path, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._path, self._clock_ns = path, clock_ns
        self._admitted = Admitted()
        self._signature: object = None
        self._again_ns = 0
        """When what could not be read is tried again."""
        self._lock = threading.Lock()
        self._fault = ""
        self._lost: Counter[Role] = Counter()
        self.look()

    @property
    def is_readable(self) -> bool:
        """Whether the folder and its records could be read at the last look."""
        return not self._fault and self._admitted.is_settled

    def grant(self, public: str) -> Grant | None:
        """What a public key is good for; None where it is admitted nowhere."""
        return self._admitted.grants.get(public)

    def revoked(self, public: str) -> str:
        """Name of a key that was revoked; empty for any other."""
        grant = self._admitted.revoked.get(public)
        return grant.name if grant else ""

    def lost(self, roles: Collection[Role]) -> int:
        """How often a key has lost one of these roles, since the start."""
        return sum(self._lost[role] for role in roles)

    def by_role(self) -> Counter[Role]:
        """How many keys are admitted, by role."""
        return Counter(role for grant in self._admitted.grants.values() for role in grant.roles)

    def look(self) -> None:
        """See whether the folder has changed, and know what it says now."""
        with self._lock:
            try:
                signature = folder.signature(self._path)
                is_due = not self._admitted.is_settled and self._clock_ns() >= self._again_ns
                if signature == self._signature and not is_due:
                    self._fault = ""
                    return
                admitted = folder.read(self._path, self._admitted)
            except OSError as error:
                if not self._fault:
                    log.error("%s: cannot be read: %s. Nobody new is admitted.", self._path, error.strerror)
                self._fault = error.strerror or str(error)
                return
            self._take(admitted, is_first=self._signature is None)
            self._signature, self._fault = signature, ""
            self._again_ns = self._clock_ns() + PAUSE_NS

    def _take(self, admitted: Admitted, *, is_first: bool) -> None:
        before, self._admitted = self._admitted, admitted
        for fault in admitted.faults:
            if fault not in before.faults:
                log.error("%s", fault)
        for public, grant in before.grants.items():
            now = admitted.grants.get(public)
            lost = set(grant.roles) - set(now.roles if now else ())
            self._lost.update(lost)
            if now is None:
                log.warning("key %s is admitted no longer", grant.name)
        if not is_first:
            for public in admitted.grants.keys() - before.grants.keys():
                grant = admitted.grants[public]
                log.info("key %s is admitted as %s", grant.name, ", ".join(grant.roles))
