"""How an event travels: its envelope, the reader of any version, and how a subscriber asks for it again.

Knows: what a reader does with what it does not know. Must not know: sockets, the journal, what the kinds mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import asdict

from inspector.records.events import Data


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """Data that this reader has no record for: a kind of a later version, or a known one in another shape."""

    kind: str
    """What it calls itself; empty where it says nothing."""
    raw: bytes
    """The data as JSON, as it came."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """CloudEvents 1.0; on the wire it is the second part, the topic being the first."""

    specversion: str = "1.0"
    """Version of CloudEvents."""
    id: str
    """`epoch`-`seq`: unique."""
    source: str
    """`/inspector/<line>`."""
    type: str
    """The topic: `defect.<class>`, `alarm.<name>`, `coil.<state>`, `missed.<camera>`, `health.<state>` and so on."""
    time: str
    """When it was recorded, RFC 3339 in UTC."""
    subject: str
    """The coil it concerns; `-` where it concerns none."""
    datacontenttype: str = "application/json"
    """Form of `data`."""
    contract: str = "1.0"
    """Version of this contract that the writer keeps; writers before 1.1 named none."""
    epoch: str
    """Identity of the journal; sequence numbers are comparable within one epoch only."""
    seq: int
    """Gap-free from 1 within the epoch; 0 on a heartbeat."""
    topicseq: int
    """Gap-free from 1 within the epoch and the topic's root (`defect.`, `alarm.`, ...); 0 on a heartbeat."""


class Event(Envelope, frozen=True, kw_only=True):
    """An envelope and what it carries."""

    data: Data | Unknown
    """What happened; its `kind` names the record."""


class _Sealed(Envelope, frozen=True, kw_only=True):
    """An envelope that was opened, and its contents not yet."""

    data: msgspec.Raw


class _Named(msgspec.Struct, frozen=True):
    """The one thing that every kind of data says of itself."""

    kind: str = ""


_open = msgspec.json.Decoder(_Sealed).decode
_data = msgspec.json.Decoder(Data).decode
_named = msgspec.json.Decoder(_Named).decode


def read_event(payload: bytes | memoryview) -> Event:
    """Read an event of any version: what is unknown in it becomes `Unknown`, and is counted like any other.

    Raises: ValueError, RecursionError when it is no envelope of ours.
    """
    sealed = _open(payload)
    raw = bytes(sealed.data)
    data: Data | Unknown
    try:
        data = _data(raw)
    except (ValueError, RecursionError):
        try:
            data = Unknown(kind=_named(raw).kind, raw=raw)
        except (ValueError, RecursionError):  # no object, or one whose `kind` is no word
            data = Unknown(kind="", raw=raw)
    return Event(**asdict(sealed) | {"data": data})


def envelope_of(payload: bytes | memoryview) -> Envelope:
    """Read an event's envelope alone: in a quarter of the time.

    Raises: ValueError, RecursionError when it is no envelope of ours.
    """
    return _open(payload)


def data_of(payload: bytes | memoryview) -> bytes:
    """What an event carries, as JSON, as it was sent.

    Raises: ValueError, RecursionError when it is no envelope of ours.
    """
    return bytes(_open(payload).data)


def write_event(event: Event) -> bytes:
    """Write an event as JSON; unknown data as it came."""
    if not isinstance(event.data, Unknown):
        return msgspec.json.encode(event)
    return msgspec.json.encode(_Sealed(**asdict(event) | {"data": msgspec.Raw(event.data.raw)}))


LIMIT_EVENTS = 1000
"""In one answer; 0.6 MB or so."""
LIMIT_SEQS = 4096
"""Numbers looked at for one answer, 2 MB or so: a rare topic must not hold up the line."""
SKIPPED = 10**9
"""Numbers of each topic that are left out where a copy of the journal is put back, as the line can have given them out
since it was made: 100 a second for 115 days.
"""


class ReplayRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Asks for journalled events again."""

    epoch: Annotated[str, Meta(max_length=64)] | None
    """The journal that `after` counts in; None takes whichever it is."""
    after: Annotated[int, Meta(ge=0)]
    """The last `seq` that is not wanted; 0 asks from the beginning."""
    limit: Annotated[int, Meta(ge=1)] = LIMIT_EVENTS
    """Events wanted at most; there are never more than 1000 in one answer."""
    prefix: Annotated[str, Meta(max_length=128)] = ""
    """Only topics that begin so."""
    since: Annotated[datetime, Meta(tz=True)] | None = None
    """Only events recorded at this time or later, RFC 3339 with its offset; null asks by `after` alone. Since 1.3."""


class ReplayHead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """First part of the answer; `count` pairs of parts follow."""

    epoch: str
    """Of the journal that answers."""
    first: int
    """Oldest `seq` still held."""
    last: int
    """Newest `seq` recorded."""
    through: int
    """Everything asked for up to this `seq` is in this answer or the ones before: ask next after it."""
    count: int
    more: bool
    """True while `through` is not yet `last`."""
    error: str = ""
    """What was wrong with the request, and what to do."""

    def is_jump(self, after: int) -> bool:
        """Whether this answer to what follows `after` skips more than was looked at: no event has those numbers."""
        return not self.count and self.through - max(after, self.first - 1) > LIMIT_SEQS


def common_root(topics: Sequence[str]) -> str:
    """The one topic root to subscribe to, or "" for everything.

    Numbers are without holes for one root or for all: a narrower filter, or several roots, are sorted out
    here, because otherwise nobody could tell a filtered event from a lost one.
    """
    roots = {root + dot if dot else "" for root, dot, _ in (topic.partition(".") for topic in topics)}
    return roots.pop() if len(roots) == 1 else ""
