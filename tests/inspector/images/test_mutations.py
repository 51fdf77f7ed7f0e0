from __future__ import annotations

from tests.soak.images import soak


def test_mutated_images_crash_nothing() -> None:
    """The short form of `make soak`: children decode damaged images and headers and end well, silent and small."""
    found = soak(6000, seed=7)
    assert sum(found.reasons.values()) == 6000
    assert {"decoded", "decode", "size", "too_large", "header: header", "header: json"} <= found.reasons.keys()
