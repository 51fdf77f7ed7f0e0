"""Signals while the inspector starts, runs, reloads and drains."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak import signals


@pytest.mark.slow
def test_pairs_of_signals_never_hang_it_and_it_ends_with_0(tmp_path: Path) -> None:
    """Two signals microseconds apart, in every phase: none waits for the other, none replaces the exit code."""
    assert signals.lives(125, 1, tmp_path) == 125
