"""Two engines as one: a fast recipe looks at every frame, the full one only at those that are not surely sound.

What leaves is the full recipe's word, or, where the screen held the frame back, that it is sound: of such a frame
presence has the screen's score, scaled to lie below every threshold, and its distance. A frame whose score is no number
passes.

Knows the `Segmenter` protocol, and tiles. Must not know which engines they are, recipes' files, sockets.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec
import numpy as np
import numpy.typing as npt

from inspector.engines.screening import ScreenAccount
from inspector.engines.segmenter import Segmenter
from inspector.engines.tiled import Tiled
from inspector.errors import EngineError, RecipeError
from inspector.records.frame import Bytes3D
from inspector.records.recipe import UNMEASURED, DefectClass, Maps, Recipe, Screen

Finds = Callable[[Maps], npt.NDArray[np.bool_]]


def screen_scores(presence: npt.NDArray[np.float32], classes: int) -> npt.NDArray[np.float32]:
    """Return (N,) float32: the highest probability of any defect in each frame; `presence` is (N, C) or (N, C + 1).

    1 where the distance after them is beyond its limit: a screen is not to be asked of what it was never taught. NaN
    where anything is: no comparison holds with it, so that such a frame counts as not surely sound.
    """
    scores: npt.NDArray[np.float32] = presence[:, :classes].max(1, initial=0.0)
    for distance in presence.T[classes:]:
        scores = np.where(distance > 1, np.float32(1), scores + 0 * distance)
    return scores


class Cascade:
    """A `Segmenter` made of two; it closes both.

    `below`: a frame whose screen score is lower is sound. `screen_classes` is the screen's class count; `classes` and
    `measures_distance` are the full recipe's. Its engine works within `result`: what it takes is known only then.
    `finds` says of its maps of N frames, (N,) bool, in which there is something to report.
    """

    def __init__(
        self,
        screen: Segmenter,
        full: Segmenter,
        *,
        below: float,
        screen_classes: int,
        classes: Sequence[DefectClass],
        measures_distance: bool = False,
        account: ScreenAccount,
        finds: Finds,
    ) -> None:
        self._screen, self._full = screen, full
        self._below, self._screen_classes, self._finds = below, screen_classes, finds
        self._thresholds = np.array([kind.threshold for kind in classes], np.float32)
        self._measures_distance = measures_distance
        self.account = account
        self.name = f"{full.name}, screened by {screen.name}"
        self.facts = {**full.facts, "screen": screen.name}
        self.in_flight = screen.in_flight
        self._busy: deque[Bytes3D] = deque()

    def buffer(self, frames: int) -> Bytes3D:
        """Return the screen's kind of memory: it reads every frame."""
        return self._screen.buffer(frames)

    def memory(self) -> dict[str, int]:
        """Return the device's memory as the full engine reports it: both are on one device."""
        return self._full.memory()

    def submit(self, frames: Bytes3D) -> None:
        """Begin to screen `(N, H, W) uint8`."""
        self._screen.submit(frames)
        self._busy.append(frames)

    def result(self) -> Maps:
        """Wait for the oldest batch's screening, then assess what passed.

        Raises: EngineError.
        """
        try:
            answers = self._screen.result().presence
        finally:  # a batch that failed is not under way any more
            frames = self._busy.popleft()
        scores = screen_scores(answers, self._screen_classes)
        passes = np.full(len(frames), True) if self.account.is_blind else ~(scores < self._below)
        audits = np.array([not passed and self.account.audits_next() for passed in passes.tolist()], bool)
        chosen = np.flatnonzero(passes | audits)
        maps, found = self._assess(frames, chosen, self._held_back(answers))
        self.account.count(
            held_back=len(frames) - len(chosen),
            passed=int(passes.sum()),
            audited=int(audits.sum()),
            found=int((found & passes).sum()),
            missed=int((found & audits).sum()),
        )
        return maps

    def close(self) -> None:
        """Close both."""
        try:
            while self._busy:  # no engine is closed at work
                self._busy.popleft()
                with suppress(EngineError):
                    self._screen.result()
            self._screen.close()
        finally:
            self._full.close()

    def _held_back(self, answers: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the presence (N, C), or (N, C + 1), of frames that the screen holds back, from its own.

        It moves with the picture, as a network's does that is not blind, and reaches no threshold.
        """
        highest = np.nan_to_num(answers[:, : self._screen_classes].max(1, initial=0.0), nan=0.0)
        scaled = highest[:, None] * np.minimum(self._thresholds / np.float32(self._below), 1)
        below = np.nextafter(self._thresholds, np.float32(0))
        presence: npt.NDArray[np.float32] = np.minimum(scaled, below)
        if self._measures_distance:
            distance = answers[:, self._screen_classes :].max(1, initial=UNMEASURED)
            presence = np.concatenate((presence, distance[:, None]), axis=1)
        return presence

    def _assess(
        self, frames: Bytes3D, chosen: npt.NDArray[np.intp], presence: npt.NDArray[np.float32]
    ) -> tuple[Maps, npt.NDArray[np.bool_]]:
        """Return the maps of all frames, sound with this `presence` where not chosen, and where something was found."""
        found = np.full(len(frames), False)
        if not len(chosen):
            sound = np.broadcast_to(np.uint8(0), frames.shape)
            return Maps(sound, sound, presence), found
        if len(chosen) == len(frames):
            self._full.submit(frames)
            maps = self._full.result()
            found[:] = self._finds(maps)
            return maps, found
        room = self._full.buffer(len(chosen))
        np.take(frames, chosen, axis=0, out=room)
        self._full.submit(room)
        some = self._full.result()
        labels, confidence = np.zeros((2, *frames.shape), np.uint8)
        labels[chosen], confidence[chosen], presence[chosen] = some.labels, some.confidence, some.presence
        found[chosen] = self._finds(some)
        return Maps(labels, confidence, presence), found


def permit(full: Recipe, screen: Recipe) -> Screen:
    """Return what a recipe permits its screen, and refuse one whose losses were never measured, or at other settings.

    Raises: RecipeError.
    """
    permitted = full.screen
    if permitted is None or permitted.sha256 != screen.sha256:
        found = f"permits {permitted.recipe} alone ({permitted.sha256[:12]})" if permitted else "permits none"
        raise RecipeError(
            f"recipe.screen is {screen} ({screen.sha256[:12]}), and recipe {full} {found}; expected a screen whose "
            "losses were measured. Run `trainer tune-screen`, or leave `screen` out."
        )
    if permitted.settings_sha256 not in (None, full.settings_sha256):
        raise RecipeError(
            f"recipe.screen is {screen}, and recipe {full} reports by other settings than those at which its losses "
            "were measured: it may hold back what is reported now. Run `trainer tune-screen`, set threshold, "
            "min_area_mm2, min_confidence and min_probability back, or leave `screen` out."
        )
    return permitted


def pair(full: Recipe) -> str:
    """Name a recipe and the screen that it permits: what was found of one pair holds for no other permission."""
    return hashlib.sha256(msgspec.json.encode((full.sha256, full.screen))).hexdigest()


def fitted(screen_card: Recipe, screen: Segmenter, full_card: Recipe, max_frames: int) -> Segmenter:
    """Return a screen's engine as one for the full recipe's frames: in tiles, where its own are of another size."""
    size = full_card.height, full_card.width
    if size == (screen_card.height, screen_card.width):
        return screen
    return Tiled(screen, screen_card, size, max_frames)


def join(
    screen_card: Recipe,
    screen: Segmenter,
    full_card: Recipe,
    full: Segmenter,
    *,
    account: ScreenAccount,
    max_frames: int,
    finds: Finds,
) -> Cascade:
    """Return the two engines as one, which take up to `max_frames` of their own frames at once.

    Raises: RecipeError, where the full recipe does not permit the screen.
    """
    return Cascade(
        fitted(screen_card, screen, full_card, max_frames),
        full,
        below=permit(full_card, screen_card).below,
        screen_classes=len(screen_card.classes),
        classes=full_card.classes,
        measures_distance=full_card.measures_distance,
        account=account,
        finds=finds,
    )
