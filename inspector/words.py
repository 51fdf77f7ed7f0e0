"""Words for people that every room needs. Knows: English plurals, spreadsheets. Must not know: what is counted."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number and what it counts, in the singular or the plural; `plural` where an s is not enough."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def no_formula(cell: object) -> object:
    """A cell of a CSV that no spreadsheet runs: a text that begins as a formula does, for names come from elsewhere.

    A number stays one, below 0 too: give it as a number, not as text.
    """
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
