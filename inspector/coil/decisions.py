"""What people decide of coils: the stage that journals a decision next to the machine's grade. Pure, stateful.

Laws: a decision names a coil that has passed, who decided, and why; it changes no grade, and is for the newest coil of
its name. The last `REMEMBERED` coils can be decided on.

Knows: coils' names and grades. Must not know: rules, sockets.
"""

from __future__ import annotations

import msgspec

from inspector.records.commands import Answer, Asked, Decide
from inspector.records.events import CoilRecord, CoilReport, Data, Decision
from inspector.records.stages import Findings

REMEMBERED = 200


class _Coil(msgspec.Struct, frozen=True, array_like=True):
    """The newest coil of a name."""

    grade: str | None = ""
    """The machine's; empty where there is none yet, None while it runs."""
    begun: int = 0
    """Tells it apart from others of its name: the later one began, the higher. 0: none was seen to begin."""


def begun(state: bytes, coil: str) -> int:
    """Return which coil of a name was the newest by a state of the stage: another has another number.

    Raises: ValueError when the state cannot be read.
    """
    return _coils(state).get(coil, _Coil()).begun


class Decisions:
    """The stage that takes decisions."""

    name = "decisions"

    def __init__(self) -> None:
        self._coils: dict[str, _Coil] = {}

    def __call__(self, findings: Findings) -> Findings:
        """Note coils and their grades, and carry out decisions."""
        for event in findings.events:
            if isinstance(event, CoilReport):
                self._report(event)
            elif isinstance(event, CoilRecord) and (known := self._coils.get(event.coil, _Coil())).grade is not None:
                # while one runs it is of another of its name, which ended before
                self._note(event.coil, _Coil(event.grade, known.begun))
        events, answers = list[Data](), dict(findings.answers)
        for asked in findings.asked:
            if isinstance(asked.command, Decide):
                refused = self._refused(asked, asked.command)
                answers[asked.number] = refused or self._decide(asked.command, events)
        if answers == findings.answers:
            return findings
        return msgspec.structs.replace(findings, events=(*findings.events, *events), answers=answers)

    def state(self) -> bytes:
        """Coils and their grades."""
        return msgspec.json.encode(self._coils)

    def restore(self, state: bytes, now_ns: int) -> None:
        """Go on with the coils of a state.

        Raises: ValueError when it cannot be read.
        """
        self._coils = _coils(state)

    def _report(self, report: CoilReport) -> None:
        known = self._coils.get(report.coil)
        if report.state != "started":
            self._note(report.coil, _Coil((known and known.grade) or "", known.begun if known else 0))
            return
        last = max((coil.begun for coil in self._coils.values()), default=0)
        self._coils.pop(report.coil, None)  # a name that comes again is the newest
        self._note(report.coil, _Coil(None, known.begun if known and not report.begins else last + 1))

    def _note(self, name: str, coil: _Coil) -> None:
        self._coils[name] = coil
        while len(self._coils) > REMEMBERED:
            del self._coils[next(iter(self._coils))]

    def _refused(self, asked: Asked, command: Decide) -> Answer | None:
        """Refuse a decision for another coil than the newest of its name, by the journal or by what came since."""
        if asked.objection:
            return Answer(is_done=False, message=asked.objection)
        known = self._coils.get(command.coil)
        if known is None:
            newest = ", ".join([*reversed(self._coils)][:5]) or "none"
            words = f"no coil {command.coil} among the last {REMEMBERED}; the newest are {newest}."
            return Answer(is_done=False, message=words)
        if asked.begun not in (None, known.begun):
            words = f"another coil {command.coil} has begun meanwhile. A decision is for the newest: look at that one."
            return Answer(is_done=False, message=words)
        return None

    def _decide(self, command: Decide, events: list[Data]) -> Answer:
        if not command.reason.strip():
            return Answer(is_done=False, message="a decision needs a reason.")
        machine = self._coils[command.coil].grade or ""
        events.append(
            Decision(
                coil=command.coil,
                grade=command.grade,
                machine=machine,
                operator=command.operator,
                reason=command.reason,
            )
        )
        compared = f" (the machine's grade: {machine})" if machine else ""
        return Answer(is_done=True, message=f"coil {command.coil}: {command.grade}{compared}")


def _coils(state: bytes) -> dict[str, _Coil]:
    """Read a state; before 0.4 a coil was its grade alone."""
    kept = msgspec.json.decode(state, type=dict[str, _Coil | str | None])
    return {name: coil if isinstance(coil, _Coil) else _Coil(coil) for name, coil in kept.items()}
