"""The recipe and the engine in force, as intake, metrics and people ask for them.

Knows: what infers now, and what it says of itself. Must not know: how it was loaded, what replaces it. Any thread may
ask.
"""

from __future__ import annotations

from inspector.engines.screening import Screening
from inspector.infer import Infer
from inspector.metrics import Metrics
from inspector.records.frame import Bytes3D


class InForce:
    """What `infer` runs at the moment of each call."""

    def __init__(self, infer: Infer) -> None:
        self._infer = infer

    def __str__(self) -> str:
        return f"{self.recipe} on {self.engine}"

    @property
    def recipe(self) -> str:
        """Name and version of the recipe."""
        return str(self._infer.loaded.recipe)

    @property
    def engine(self) -> str:
        """Name of the engine."""
        return self._infer.loaded.engine.name

    def buffer(self, frames: int) -> Bytes3D:
        """Return room for a batch, near the engine."""
        return self._infer.loaded.engine.buffer(frames)

    def memory(self) -> dict[str, int]:
        """Return the bytes of device memory that are taken, by kind."""
        return self._infer.loaded.engine.memory()

    def screening(self) -> Screening | None:
        """Return the account of the recipe's screen; None where it has none."""
        screen = self._infer.loaded.screen
        return screen.now() if screen else None

    def watched_by(self, metrics: Metrics) -> None:
        """Show memory and screen as they are at each scrape."""
        metrics.watch_memory(self.memory)
        metrics.watch_screen(self.screening)

    def named_in(self, metrics: Metrics) -> None:
        """Show which recipe and engine these are, from now on."""
        loaded = self._infer.loaded
        metrics.engine.info(loaded.engine.facts)
        metrics.recipe.info(
            {
                "name": loaded.recipe.name,
                "version": loaded.recipe.version,
                "sha256": loaded.recipe.sha256,
                "engine": loaded.engine.name,
            }
        )
