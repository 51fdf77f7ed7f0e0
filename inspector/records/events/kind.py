"""What every kind of event has."""

from __future__ import annotations

from typing import get_args

import msgspec
from msgspec import Meta


def known(words: object) -> Meta:
    """Name for the schema the words that are known today; others are no fault."""
    return Meta(examples=list(get_args(words)))


class Kind(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every kind of event can say of itself."""

    @property
    def topic(self) -> str:
        """What it is published under: the kind, a dot, and the name by which people filter."""
        raise NotImplementedError

    @property
    def subject(self) -> str:
        """The coil it concerns; `-` where it concerns none."""
        return "-"
