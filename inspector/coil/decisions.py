"""What people decide of coils: the stage that journals a decision next to the machine's grade. Pure, stateful.

Laws: a decision names a coil that has passed, who decided, and why; it changes no grade, and is for the newest coil of
its name. The last `REMEMBERED` coils can be decided on.

Knows: coils' names and grades. Must not know: rules, sockets.
"""

from __future__ import annotations

import msgspec

from inspector.records.commands import Answer, Decide
from inspector.records.events import CoilRecord, CoilReport, Data, Decision
from inspector.records.stages import Findings

REMEMBERED = 200


class Decisions:
    """The stage that takes decisions."""

    name = "decisions"

    def __init__(self) -> None:
        self._grades: dict[str, str | None] = {}
        """The machine's grade of each coil; empty where there is none yet, None while it runs."""

    def __call__(self, findings: Findings) -> Findings:
        """Note coils and their grades, and carry out decisions."""
        for event in findings.events:
            if isinstance(event, CoilReport):
                if event.state == "started":
                    self._grades.pop(event.coil, None)  # a name that comes again is the newest
                    self._note(event.coil, None)
                else:
                    self._note(event.coil, self._grades.get(event.coil) or "")
            elif isinstance(event, CoilRecord) and self._grades.get(event.coil, "") is not None:
                self._note(event.coil, event.grade)  # while one runs it is of another of its name, which ended before
        events, answers = list[Data](), dict(findings.answers)
        for asked in findings.asked:
            if isinstance(asked.command, Decide):
                refused = Answer(is_done=False, message=asked.objection)
                answers[asked.number] = refused if asked.objection else self._decide(asked.command, events)
        if answers == findings.answers:
            return findings
        return msgspec.structs.replace(findings, events=(*findings.events, *events), answers=answers)

    def state(self) -> bytes:
        """Coils and their grades."""
        return msgspec.json.encode(self._grades)

    def restore(self, state: bytes, now_ns: int) -> None:
        """Go on with the coils of a state.

        Raises: ValueError when it cannot be read.
        """
        self._grades = msgspec.json.decode(state, type=dict[str, str | None])

    def _note(self, coil: str, grade: str | None) -> None:
        self._grades[coil] = grade
        while len(self._grades) > REMEMBERED:
            del self._grades[next(iter(self._grades))]

    def _decide(self, command: Decide, events: list[Data]) -> Answer:
        if command.coil not in self._grades:
            newest = ", ".join([*reversed(self._grades)][:5]) or "none"
            words = f"no coil {command.coil} among the last {REMEMBERED}; the newest are {newest}."
            return Answer(is_done=False, message=words)
        if not command.reason.strip():
            return Answer(is_done=False, message="a decision needs a reason.")
        machine = self._grades[command.coil] or ""
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
