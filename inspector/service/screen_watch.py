"""A recipe's screen that has gone blind: reported once, and returned by the screen that takes its place.

Knows: the screen's account, and what was reported of it. Must not know: the flow, who reads the reports.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from inspector.engines.screening import ScreenAccount
from inspector.infer import Loaded
from inspector.records.events import CameraState, Data, Ne107, RecipeStatus

log = logging.getLogger("inspector")


class ScreenWatch:
    """Looks at the screen in force; `report` receives what has changed."""

    def __init__(self, report: Callable[[Data], None]) -> None:
        self._report = report
        self._blind: ScreenAccount | None = None
        """The screen that was last reported to be blind."""

    def look(self, loaded: Loaded) -> None:
        """Report a screen that has gone blind, once; one that takes its place returns it."""
        screen, recipe = loaded.screen, str(loaded.recipe)
        if self._blind is not None and screen is not self._blind:
            self._blind = None
            self._pass_on(recipe, "returned", "normal", "another screen, or none, is in force")
        if screen is not None and screen.is_blind and self._blind is None:
            self._blind = screen
            self._pass_on(recipe, "raised", "maintenance_required", str(screen.now()))

    def _pass_on(self, recipe: str, state: CameraState, status: Ne107, message: str) -> None:
        (log.error if state == "raised" else log.info)("screen_blind %s: %s", state, message)
        self._report(RecipeStatus(fault="screen_blind", state=state, status=status, message=message, recipe=recipe))
