"""Words for people that every room needs. Knows: English plurals. Must not know: what is counted."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number and what it counts, in the singular or the plural; `plural` where an s is not enough."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
