"""Where people's commands come in and their answers leave: a ROUTER on a thread of its own.

Laws: a command is carried out by a stage, with the findings of the next batch or tick; its answer leaves once what it
caused is on disk. One that changes something is journalled with the name of who asked, whether it was carried out or
refused. A bad request is answered with words and never raises. Nobody waits for an inspector that cannot answer: while
it is not ready, and when it stops, it says so.

The protocol, as JSON so that any language can ask: a `Command` in one part; an `Answer` in one part.

Knows: the socket, and which command waits for what. Must not know: what a command does.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

import msgspec
import zmq

from inspector.access.door import Door
from inspector.commands import ADDRESS
from inspector.events.binding import bound, unreadable
from inspector.records.commands import Acknowledge, Answer, Asked, Command, Order
from inspector.records.events import Data
from inspector.records.stages import Findings
from inspector.refusal import explained, plain
from inspector.service.settings import CommandsSection
from inspector.signals import Flag
from inspector.sockets import release

log = logging.getLogger("inspector")

ENVELOPE_PARTS = 3  # identity; and from a REQ its request's id, where it numbers them, and an empty part
MOST_WAITING = 64
"""Commands under way at once; people type few."""
UNFINISHED_BYTES = 2**16, 2**20
"""The most that an asker, and all of them together, may send without completing a command: an empty part of two bytes
takes 64 of memory."""
QUEUE_ANSWERS = 16
LOOK_MS = 20
"""The longest that an answer waits for the thread."""
LAST_S = 1.0
"""How long, at a stop, what has come by then may take to be refused."""
BY_HTTP = "unnamed, over HTTP"

Envelope = list[bytes]
T = TypeVar("T")


class Desk:
    """The command socket, bound on construction; `close` ends it.

    Raises: SocketError when its address cannot be bound. What every line tries that names none may be another line's.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        section: CommandsSection,
        line: str,
        not_ready: Callable[[], str],
        *,
        own: str = "",
        door: Door | None = None,
        meant: Callable[[Command], tuple[str, int | None]] = lambda _: ("", None),
    ) -> None:
        """`not_ready` says why no command can be carried out; empty when one can. Any thread calls it.

        `meant` says why this one cannot, and which coil it is for, by what is on disk; the desk's thread calls it.
        `own` is the line's address where the section names none; `door` says who may command, None: all that reach it.
        """
        self._line, self._not_ready, self._door = line, not_ready, door or Door("commands")
        self._meant = meant
        self._numbers = itertools.count(1)
        self._asked: SimpleQueue[Asked] = SimpleQueue()
        self._reports: SimpleQueue[Data] = SimpleQueue()
        self._waiting: dict[int, Envelope] = {}
        """Who waits for an answer: of the desk's thread alone."""
        self._answers: SimpleQueue[tuple[int, Answer]] = SimpleQueue()
        self._closing = Flag()
        self._socket, self._guard, self.address = bound(
            context,
            zmq.ROUTER,
            section.bind or own,
            "commands.bind",
            unfinished=UNFINISHED_BYTES,
            queue=QUEUE_ANSWERS,
            curve=self._door.curve,
        )
        if not section.bind:
            self._share()
        self._thread = threading.Thread(target=self._serve, name="commands", daemon=True)
        self._thread.start()

    def _share(self) -> None:
        """Take commands at the address, too, that people need not name, if no other line has it."""
        try:
            self._socket.bind(ADDRESS)
        except zmq.ZMQError as error:
            words = zmq.strerror(error.errno or 0)
            log.info("%s: %s; command line %s with --config and its configuration file", ADDRESS, words, self._line)

    # --- in the flow ----------------------------------------------------------------------------------------

    def attach(self, findings: Findings) -> Findings:
        """Hand what waits to the stages."""
        asked, reports = _all(self._asked), _all(self._reports)
        if not asked and not reports:
            return findings
        return msgspec.structs.replace(findings, asked=(*findings.asked, *asked), events=(*reports, *findings.events))

    def conclude(self, findings: Findings) -> Findings:
        """Refuse what no stage knows, and report each command and what became of it, behind what it caused."""
        if not findings.asked:
            return findings
        refused = Answer(is_done=False, message="no stage of this line knows this command.")
        answers = {asked.number: findings.answers.get(asked.number, refused) for asked in findings.asked}
        events = [
            asked.command.event(answers[asked.number]) for asked in findings.asked if isinstance(asked.command, Order)
        ]
        return msgspec.structs.replace(findings, events=(*findings.events, *events), answers=answers)

    def answer(self, findings: Findings) -> None:
        """Let the answers leave: what they report is on disk."""
        for number, answer in findings.answers.items():
            self._answers.put((number, answer))

    def report(self, data: Data) -> None:
        """Have the stages see, and the journal record, what the inspector says of itself; from any thread."""
        self._reports.put(data)

    def acknowledge(self, alarm: str, operator: str = "") -> None:
        """Pass on an acknowledgement whose sender waits for nothing; from any thread.

        Raises: ValueError when a name cannot be one.
        """
        given = {"command": "acknowledge", "alarm": alarm, "operator": operator or BY_HTTP}
        try:
            command = msgspec.convert(given, Acknowledge)
        except msgspec.ValidationError as error:
            raise ValueError(explained(error, given)) from error
        self._asked.put(Asked(next(self._numbers), command))

    def left(self) -> list[Data]:
        """Reports that came too late for the flow."""
        return _all(self._reports)

    def close(self) -> None:
        """Answer what still waits, and unbind."""
        self._closing.set()
        self._thread.join()
        for asked in _all(self._asked):
            log.warning("the inspector stopped before it was carried out: %s", asked.command)

    # --- the socket -----------------------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            while not self._closing.is_set():
                completed = {self._receive()} if self._socket.poll(LOOK_MS) else set()
                self._send_answers()
                self._door.follow(self._guard.look(completed))
            self._refuse_rest()
        finally:  # left open it would keep the process from ending
            self._guard.close()
            self._socket.close()
            release(self.address)

    def _refuse_rest(self) -> None:
        """Send what answers there are, and tell everybody else that the inspector stops."""
        self._send_answers()
        until_s = time.monotonic() + LAST_S
        while self._socket.poll(0) and time.monotonic() < until_s:
            self._receive()
        for envelope in self._waiting.values():
            self._send(envelope, _refusal("the inspector stopped before it was carried out."))

    def _receive(self) -> int:
        """Take the next message; return the file descriptor that it came from."""
        frames = self._socket.recv_multipart(copy=False)
        number = int(frames[-1].get(zmq.SRCFD))
        if self._door.is_keyed and self._door.caller(frames[-1]) is None:
            self._guard.end(number)
        else:
            self._take([frame.bytes for frame in frames])
        return number

    def _send_answers(self) -> None:
        for number, answer in _all(self._answers):
            self._send(self._waiting.pop(number, None), answer)

    def _take(self, parts: list[bytes]) -> None:
        delimiter = parts.index(b"", 1) if b"" in parts[1:ENVELOPE_PARTS] else 0
        envelope, request = parts[: delimiter + 1], parts[delimiter + 1 :]
        if words := unreadable(request):
            self._send(envelope, _refusal(words))
            return
        try:
            command: Command = msgspec.json.decode(request[0], type=Command)
        except (ValueError, RecursionError) as error:
            example = '{"command": "acknowledge", "alarm": "NAME", "operator": "NAME"}'
            self._send(envelope, _refusal(f"{plain(error)}. Send JSON like {example}."))
            return
        if why := self._not_ready():
            self._send(envelope, _refusal(f"the inspector is not ready: {why}. Ask again."))
        elif len(self._waiting) >= MOST_WAITING:
            self._send(envelope, _refusal(f"{MOST_WAITING} commands wait already. Ask again."))
        else:
            asked = Asked(next(self._numbers), command, *self._meant(command))
            self._waiting[asked.number] = envelope
            self._asked.put(asked)

    def _send(self, envelope: Envelope | None, answer: Answer) -> None:
        if envelope is not None:
            named = msgspec.structs.replace(answer, line=self._line)
            self._socket.send_multipart((*envelope, msgspec.json.encode(named)))


def _refusal(message: str) -> Answer:
    return Answer(is_done=False, message=message)


def _all(queue: SimpleQueue[T]) -> list[T]:
    """Take all that waits."""
    return [queue.get() for _ in range(queue.qsize())]
