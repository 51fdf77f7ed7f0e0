"""What the bytes of damaged files still say of their journal: its epoch, and the last numbers that are seen in them.

SQLite reads nothing of a file whose first pages are damaged; the events lie in it as text all the same. An event counts
that names its epoch and its number twice alike, in its id and for themselves: a byte that became another does not.

Knows: the text of an envelope. Must not know: SQLite, what an event means.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

HEAD = re.compile(
    rb'"id":"([^"\\]{1,64})-(\d{1,15})","source":"[^"]{1,200}","type":"([^".]{1,40}\.)[^\n]{0,600}?'
    rb'"epoch":"\1","seq":\2,"topicseq":(\d{1,15}),'
)
"""The beginning of an event: epoch, seq, root of the topic, topicseq."""


class Salvaged(NamedTuple):
    """What is seen of a journal; `last_seq` is the sum of `last_topicseq`, as in a whole one."""

    epoch: str
    last_seq: int
    last_topicseq: dict[str, int]


def salvage(files: Iterable[Path]) -> Salvaged | None:
    """Return the epoch of most events in files and their write-ahead logs, and its highest numbers; None: no event."""
    epochs, last_seq = Counter[str](), Counter[str]()
    last_topicseq: dict[str, dict[str, int]] = {}
    for file in files:
        for side in ("", "-wal"):
            with contextlib.suppress(OSError):
                for epoch, seq, root, topicseq in HEAD.findall(file.with_name(f"{file.name}{side}").read_bytes()):
                    name, topic = epoch.decode(errors="replace"), root.decode(errors="replace")
                    epochs[name] += 1
                    last_seq[name] = max(last_seq[name], int(seq))
                    counts = last_topicseq.setdefault(name, {})
                    counts[topic] = max(counts.get(topic, 0), int(topicseq))
    if not epochs:
        return None
    ((epoch, _),) = epochs.most_common(1)
    counts = last_topicseq[epoch]
    unseen = last_seq[epoch] - sum(counts.values())  # of topics of which nothing is seen; numbers are left out for them
    counts[max(counts)] += max(0, unseen)
    return Salvaged(epoch, sum(counts.values()), counts)
