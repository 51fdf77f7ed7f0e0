"""Frames of one camera that are kept until they are recorded, and which of them may go now. Pure.

Laws: a frame is forgotten only when the inspector reports that it is recorded, or that it never takes it. Frames go in
the order in which they were sent, and in a new session all that are kept go again, the oldest first.

Knows: sessions, what is kept. Must not know: sockets, files, what a frame shows. Clocks are passed in.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path

import msgspec

from inspector.records.credit import Answer, Granted, Hello, Recorded
from inspector.wire import Part

HELLO_NS = 500_000_000
"""How often to say hello: an inspector that was started again answers with another session."""
AGAIN_NS = 5_000_000_000
"""Nothing recorded for so long: ask for another session, in case that answers were lost."""


class KeptFrame(msgspec.Struct):
    """A frame that is not recorded."""

    parts: Sequence[Part]
    boot: str
    number: int
    file: Path | None = None
    """Its file, where there is a spool."""
    has_gone: bool = False
    """It was sent before."""


class KeptFrames:
    """What a camera keeps; times are of one monotonic clock, in nanoseconds."""

    def __init__(self, camera: str, now_ns: int) -> None:
        self._hello = Hello(camera=camera)
        self._kept: deque[KeptFrame] = deque()
        self._under_way = 0
        """How many of those kept, from the oldest on, were sent in this session."""
        self.session, self._granted = b"", 0
        self._hello_ns, self._progress_ns = 0, now_ns
        self.resent = 0
        """Frames that were sent more than once."""
        self.refused: Counter[str] = Counter()
        """Frames that the inspector never takes, by its reason."""

    def __len__(self) -> int:
        """Frames that are not recorded."""
        return len(self._kept)

    def add(self, frame: KeptFrame, now_ns: int) -> None:
        """Keep a frame, behind all others."""
        if not self._kept:
            self._progress_ns = now_ns
        self._kept.append(frame)

    # --- to the inspector -------------------------------------------------------------------------------------

    def greeting(self, now_ns: int) -> Hello | None:
        """What to greet the inspector with, where that is due."""
        if now_ns - self._hello_ns < HELLO_NS:
            return None
        again = bool(self._under_way) and now_ns - self._progress_ns > AGAIN_NS
        return msgspec.structs.replace(self._hello, again=again)

    def greeted(self, hello: Hello, now_ns: int) -> None:
        """Note that a greeting has gone."""
        self._hello_ns = now_ns
        self._progress_ns = now_ns if hello.again else self._progress_ns

    def due(self) -> KeptFrame | None:
        """The next frame that may go, and was not sent in this session."""
        if self.session and self._under_way < min(self._granted, len(self._kept)):
            return self._kept[self._under_way]
        return None

    def sent(self, frame: KeptFrame) -> None:
        """Note that the frame that was due has gone."""
        self.resent += frame.has_gone
        frame.has_gone = True
        self._under_way += 1

    def disconnected(self) -> None:
        """Note that the connection has ended, and its session with it: the next begins with a greeting, at once."""
        self.session, self._under_way, self._hello_ns = b"", 0, 0

    # --- from the inspector -----------------------------------------------------------------------------------

    def take(self, answer: Answer, now_ns: int) -> list[KeptFrame]:
        """Take an answer to this camera in; return the frames that are kept no longer."""
        if isinstance(answer, Granted):
            self._granted = answer.frames
            if answer.session.encode() != self.session:
                self.session, self._under_way = answer.session.encode(), 0
                self._progress_ns = now_ns
            return []
        if isinstance(answer, Recorded):
            return self._forget(answer.boot, answer.first, answer.last, now_ns)
        gone = self._forget(answer.boot, answer.number, answer.number, now_ns)
        self.refused[answer.reason] += len(gone)
        return gone

    def _forget(self, boot: str, first: int, last: int, now_ns: int) -> list[KeptFrame]:
        """Let go of frames that are done with."""
        self._progress_ns = now_ns
        sent = [self._kept.popleft() for _ in range(min(len(self._kept), self._granted))]
        kept = [frame for frame in sent if frame.boot != boot or not first <= frame.number <= last]
        gone = [frame for frame in sent if frame.boot == boot and first <= frame.number <= last]
        self._kept.extendleft(reversed(kept))
        self._under_way = max(0, self._under_way - len(gone))
        return gone
