"""What a recipe's screen would lose, and the score below which it may hold frames back.

Both recipes run over the same strip once. A defect that is truly there and that the full recipe reports is lost at a
score when every frame it lies in has a lower one. The score is chosen on calibration strip; what it loses is what the
test strip says, with an exact bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from inspector import recipe
from inspector.engines.cascade import fitted, screen_scores
from inspector.engines.openvino import OpenVino
from inspector.engines.segmenter import Segmenter
from inspector.records.frame import Bytes3D
from inspector.records.recipe import Maps, Recipe, Screen
from inspector.score import overlaps
from trainer.assessment.bounds import rate_at_most
from trainer.assessment.coil import BATCH
from trainer.assessment.labelled_strip import AssessedStrip, LabelledStrip
from trainer.errors import UserError
from trainer.recipe.export import write_recipe

Floats = npt.NDArray[np.float32]
MOST_LOST = 0.001
"""Share of the defects that a screen may lose."""


class ScreenedStrip(msgspec.Struct, frozen=True):
    """What a screen makes of strip that the full recipe has assessed."""

    defects: Floats
    """(D,): of each defect found by the full recipe, the highest score of the frames it lies in."""
    sound: Floats
    """(S,): scores of the frames in which nothing is truly there."""

    def lost(self, below: float) -> int:
        """Return how many of the defects are lost where frames with a lower score are held back."""
        return int((self.defects < below).sum())

    def held_back(self, below: float) -> float:
        """Return the share of the sound frames that are held back; 0 where there is none."""
        return float((self.sound < below).mean()) if len(self.sound) else 0.0


class _Both:
    """The full recipe's engine, which has the screen look at every frame too and keeps what it scores."""

    def __init__(self, full: Segmenter, screen: Segmenter, screen_classes: int) -> None:
        self._full, self._screen, self._classes = full, screen, screen_classes
        self.name, self.facts = full.name, full.facts
        self.in_flight = min(full.in_flight, screen.in_flight)
        self._scores: list[float] = []

    def buffer(self, frames: int) -> Bytes3D:
        """Return memory of the full engine's kind."""
        return self._full.buffer(frames)

    def memory(self) -> dict[str, int]:
        """Return what the full engine reports."""
        return self._full.memory()

    def submit(self, frames: Bytes3D) -> None:
        """Begin both."""
        self._screen.submit(frames)
        self._full.submit(frames)

    def result(self) -> Maps:
        """Return the full recipe's maps."""
        self._scores += screen_scores(self._screen.result().presence, self._classes).tolist()
        return self._full.result()

    def close(self) -> None:
        """Close both."""
        self._screen.close()
        self._full.close()

    def take(self, count: int | None = None) -> Floats:
        """Return the scores of the next `count` frames, or of all so far, once."""
        taken, self._scores = self._scores[:count], self._scores[len(self._scores[:count]) :]
        return np.array(taken, np.float32)


def screened(
    full: tuple[Recipe, bytes], screen: tuple[Recipe, bytes], labelled: LabelledStrip, say: Callable[[str], None]
) -> ScreenedStrip:
    """Run both recipes down the strip.

    Raises: RecipeError, EngineError, ValueError for a frame that cannot be used.
    """
    looks_first = fitted(screen[0], OpenVino(*screen), full[0], BATCH)
    both = _Both(OpenVino(*full), looks_first, len(screen[0].classes))
    defects: list[float] = []
    sound: list[Floats] = []
    for strip in labelled.assess(both, full[0]):
        scores = both.take(1 if labelled.kind == "frame" else None)
        inside = list(_frames_of_defects(strip, len(scores)))
        defects += [float(scores[places].max()) for places, is_found in inside if is_found]
        occupied = np.full(len(scores), False)
        for places, _ in inside:
            occupied[places] = True
        sound.append(scores[~occupied])
        say(f"{strip.name}: {len(defects)} defects and {sum(map(len, sound))} sound frames so far")
    return ScreenedStrip(np.array(defects, np.float32), np.concatenate([*sound, np.empty(0, np.float32)]))


def _frames_of_defects(strip: AssessedStrip, frames: int) -> Iterator[tuple[slice, bool]]:
    """Yield for each true defect the frames it lies in, and whether it is reported."""
    hits = overlaps(strip.planted, strip.reported)
    mm_per_frame = 1000 * strip.metres / frames
    for planted, hit in zip(strip.planted, hits, strict=True):
        first = min(max(0, math.floor(planted.start_mm / mm_per_frame)), frames - 1)
        end = min(frames, max(first + 1, math.ceil(planted.end_mm / mm_per_frame)))
        yield slice(first, end), bool(np.any(hit))


def choose_below(found: ScreenedStrip, most_lost: float) -> float:
    """Return the highest score below which frames may be held back, were this strip all there is.

    As many defects are given up as leave the upper bound of their share at `most_lost` or lower; with too few defects
    for any such bound, none is.

    Raises:
        UserError: no defect to choose by, or a screen that scores one of them 0.
    """
    total = len(found.defects)
    if not total:
        raise UserError(
            "the full recipe found no true defect on the calibration strip; expected some. Give more strip."
        )
    lost = 0
    while lost + 1 < total and rate_at_most(lost + 1, total) <= most_lost:
        lost += 1
    below = float(np.sort(found.defects)[lost])
    if math.isnan(below) or below <= 0:
        raise UserError(
            f"the screen gives a defect that the full recipe found the score {below:g}; expected more than 0: it "
            "cannot tell such a frame from a sound one. Train it on frames like these."
        )
    return min(1.0, below)


def tune_screen(
    folder: Path,
    screen_folder: Path,
    calibration: LabelledStrip,
    test: LabelledStrip,
    say: Callable[[str], None],
    *,
    most_lost: float = MOST_LOST,
) -> Recipe:
    """Choose on `calibration`, measure on `test`, and write what is permitted into the recipe's card.

    Raises: RecipeError, EngineError, UserError.
    """
    full, screen = recipe.load(folder), recipe.load(screen_folder)
    if full[0].measures_distance and not screen[0].measures_distance:
        raise UserError(
            f"{full[0]} reports frames unlike those it was taught, and {screen[0]} measures no distance; expected that "
            "it does, for it would hold such frames back unseen. Run `trainer specify` on the screen first."
        )
    say(f"calibration: {calibration}")
    below = choose_below(screened(full, screen, calibration, say), most_lost)
    say(f"held back where the screen's score is below {below:.6f}")
    say(f"test, never chosen on: {test}")
    found = screened(full, screen, test, say)
    total, lost = len(found.defects), found.lost(below)
    if not total:
        raise UserError("the full recipe found no true defect on the test strip; expected some. Give more strip.")
    permitted = Screen(
        recipe=str(screen[0]),
        sha256=screen[0].sha256,
        below=below,
        defects=total,
        lost=lost,
        lost_at_most=round(rate_at_most(lost, total), 6),
        held_back=round(found.held_back(below), 4),
    )
    say(
        f"lost {lost} of {total} defects, at most {permitted.lost_at_most:.2%} with 95 % confidence; "
        f"{permitted.held_back:.1%} of {len(found.sound)} sound frames held back"
    )
    card = msgspec.structs.replace(full[0], screen=permitted)
    return write_recipe(folder, full[1], msgspec.to_builtins(card))
