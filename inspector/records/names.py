"""Names that people type, as every record and section takes them. Knows: the pattern. Must not know: who is named."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.:/-]*$(?!\n)"  # Python's $ alone would let a last newline pass

Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=NAME)]
"""A name that people type and that becomes a topic, a metric label or a file name."""
