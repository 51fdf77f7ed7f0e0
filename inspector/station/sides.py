"""On which sides of the strip cameras are: as their frames name them, of which the configuration may not know. Pure.

Knows: what was seen names the side. Must not know: what is shown.
"""

from __future__ import annotations

from collections.abc import Iterable

from inspector.config.geometry import Span, as_named
from inspector.records.envelope import Event
from inspector.records.events import Crowded, Defect
from inspector.station.kept import COILS


class NamedSides:
    """Of each camera, the sides on which something was seen in its frames, on its last coils with anything."""

    def __init__(self) -> None:
        self._sides: dict[str, dict[str, set[str]]] = {}
        """By camera and coil, the newest coil last."""

    def take(self, events: Iterable[Event]) -> None:
        """Note what events name."""
        for event in events:
            if isinstance(event.data, Defect | Crowded):
                by_coil = self._sides.setdefault(event.data.camera, {})
                by_coil.setdefault(event.data.coil, set()).add(event.data.side)
                if len(by_coil) > COILS:
                    del by_coil[next(iter(by_coil))]

    def of(self, cameras: Iterable[Span]) -> tuple[Span, ...]:
        """What each camera sees; where nothing was seen yet, on the side that it is configured for."""
        sides = {camera: set[str]().union(*by_coil.values()) for camera, by_coil in self._sides.items()}
        return as_named(cameras, sides)
