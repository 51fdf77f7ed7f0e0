"""Cameras on a strip, and what is under way between each and the inspector.

Every frame that passes is a `Shot`, known by a number in the last digits of its time of capture, whatever becomes of
its header on the way.

Knows: the strip, both transports. Must not know: the inspector, but for the messages that come from it.
"""

from __future__ import annotations

import zlib
from collections import deque
from functools import cache
from typing import Literal

import cv2
import msgspec
import numpy as np

from inspector import wire
from inspector.camera.kept import KeptFrame, KeptFrames
from inspector.records.credit import Answer, Hello, Recorded
from inspector.records.frame import Bytes2D, Header
from tests.frames import HEIGHT, WIDTH

LENGTH_MM = float(HEIGHT)
SHOTS = 2**20
"""Shots of one schedule are fewer: a time of capture is a multiple of it, and the shot's number."""
GREYS = 255
"""Greys of shots, one after the other; a multiple of 5, so that a camera sees a spot at a constant distance."""
KEEP_FRAMES = 24
COILS = (31, 47, 38)
"""Lengths of coils, frames, again and again: none so short that one camera has left it before another has come."""

Kind = Literal["good", "picture", "bad crc", "bad header"]


class Shot(msgspec.Struct):
    """A frame that passed under a camera."""

    id: int
    camera: str
    boot: str
    index: int
    """Counts on within the boot where the camera's number wraps."""
    coil: str
    start_mm: float
    """Where it truly lies."""
    kind: Kind
    parts: list[wire.Part]


class Post(msgspec.Struct):
    """A message under way to the inspector: a greeting, where it has no shot."""

    peer: bytes
    parts: list[wire.Part]
    shot: Shot | None
    is_copy: bool = False


class LineUp(msgspec.Struct, frozen=True):
    """What a schedule's cameras are like."""

    cameras: int
    is_credit: bool
    has_encoder: bool
    first_index: int
    """Of each boot."""
    span: int
    """Numbers until a camera's count begins again; 0: it does not."""


class Camera:
    """A camera with its program."""

    def __init__(self, name: str, line: LineUp, shots: list[Shot], now_ns: int) -> None:
        """`shots` are those of all cameras."""
        self.name, self._line, self._shots = name, line, shots
        self.boots = self.index = 0
        self.coil = self.frame = 0
        """Where the strip is: number of the coil, and of the frame on it."""
        self.loses = 0
        """Frames, the next ones, that never come."""
        self.damage: Kind | None = None
        """What happens to the next frame that comes."""
        self.sent = deque[Post]()
        """Under way to the inspector."""
        self.answers = deque[Answer]()
        """Under way from it."""
        self.recorded: set[int] = set()
        """Shots that the inspector has acknowledged as recorded."""
        self.given_up: set[int] = set()
        """Shots that the camera itself has lost."""
        self._spool: dict[tuple[str, int], tuple[Shot, KeptFrame]] = {}
        """What is kept, by boot and number."""
        self._begin(now_ns)

    @property
    def peer(self) -> bytes:
        """What its connection is called."""
        return f"{self.name}-{self.boots}".encode()

    def restart(self, now_ns: int, *, keeps: bool) -> None:
        """Let its program die and begin again: another boot, another connection; it `keeps` what a spool has kept."""
        spool = self._spool
        self._begin(now_ns)
        for shot, _ in spool.values():
            if keeps:
                self._keep(shot, now_ns)
            else:
                self.given_up.add(shot.id)
        if self._line.is_credit:
            self.sent.clear()
            self.answers.clear()

    def _begin(self, now_ns: int) -> None:
        self.boots += 1
        self.index = self._line.first_index
        self.kept, self._spool = KeptFrames(self.name, now_ns), {}

    def _keep(self, shot: Shot, now_ns: int) -> None:
        frame = KeptFrame(shot.parts, shot.boot, shot.index)
        self._spool[shot.boot, shot.index] = shot, frame
        self.kept.add(frame, now_ns)

    def pass_under(self, captured_ns: int, now_ns: int, is_picture: bool = False) -> None:
        """Let a frame's strip pass, and send the frame if it is not lost."""
        is_lost, damage = self.loses > 0, self.damage
        self.loses -= is_lost
        if not is_lost:
            self.damage = None
        shot = self._shoot(captured_ns, damage or ("picture" if is_picture else "good"))
        if is_lost:
            self.given_up.add(shot.id)
        else:
            self._send(shot, now_ns)

    def _shoot(self, captured_ns: int, kind: Kind) -> Shot:
        id, number = len(self._shots), self.index
        if self._line.span:
            number %= self._line.span
        if self.frame == COILS[self.coil % len(COILS)]:
            self.coil, self.frame = self.coil + 1, 0
        start_mm, coil = self.frame * LENGTH_MM, f"C{self.coil}"
        payload, crc32 = _payload(id % GREYS, "png" if kind == "picture" else "raw8")
        header = Header(
            v=1,
            camera=self.name,
            boot=f"b{self.boots}",
            number=number,
            captured_ns=captured_ns // SHOTS * SHOTS + id,
            width=WIDTH,
            height=HEIGHT,
            encoding="png" if kind == "picture" else "raw8",
            crc32=crc32 ^ (kind == "bad crc"),
            coil=coil,
            start_mm=start_mm if self._line.has_encoder else None,
        )
        parts = wire.encode(header, payload)
        if kind == "bad header":
            parts[0] = bytes(parts[0][:-1]) + b',"start_mm":0,5}'  # a decimal comma
        shot = Shot(id, self.name, header.boot, self.index, coil, start_mm, kind, parts)
        self._shots.append(shot)
        self.index += 1
        self.frame += 1
        return shot

    def _send(self, shot: Shot, now_ns: int) -> None:
        """Send a shot, or keep it until it may go; where there is no room it is lost."""
        if not self._line.is_credit:
            self.sent.append(Post(self.peer, shot.parts, shot))
        elif len(self.kept) >= KEEP_FRAMES:
            self.given_up.add(shot.id)
        else:
            self._keep(shot, now_ns)

    def ask_again(self) -> None:
        """In credit mode, ask for another session, as when answers were lost."""
        if self._line.is_credit:
            hello = Hello(camera=self.name, again=True)
            self.sent.append(Post(self.peer, [msgspec.json.encode(hello)], None))

    def tend(self, now_ns: int) -> None:
        """In credit mode, take answers, greet, and send what may go."""
        if not self._line.is_credit:
            return
        while self.answers:
            answer = self.answers.popleft()
            for frame in self.kept.take(answer, now_ns):
                shot, _ = self._spool.pop((frame.boot, frame.number))
                if isinstance(answer, Recorded):
                    self.recorded.add(shot.id)
        hello = self.kept.greeting(now_ns)
        if hello is not None:
            self.sent.append(Post(self.peer, [msgspec.json.encode(hello)], None))
            self.kept.greeted(hello, now_ns)
        while (due := self.kept.due()) is not None:
            shot, _ = self._spool[due.boot, due.number]
            self.sent.append(Post(self.peer, [self.kept.session, *due.parts], shot))
            self.kept.sent(due)


def grey_of(header: Header) -> int:
    """The grey of all pixels of a shot, by its header."""
    return header.captured_ns % SHOTS % GREYS


def pixels_of(id: int) -> Bytes2D:
    """The picture of a shot: its number, and a defect in every fifth."""
    return np.full((HEIGHT, WIDTH), id % GREYS, np.uint8)


@cache
def _payload(grey: int, encoding: str) -> tuple[bytes, int]:
    pixels = pixels_of(grey)
    payload = pixels.tobytes() if encoding == "raw8" else cv2.imencode(".png", pixels)[1].tobytes()
    return payload, zlib.crc32(payload)
