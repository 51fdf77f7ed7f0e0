"""What a recipe's screen would lose, and the score below which it may hold frames back.

Both recipes run over the same strip once. A defect that is truly there and that the full recipe reports is lost at a
score when every frame it lies in has a lower one. Of a coil only defects that share no frame with another count: next
to an easy one a hard one is never lost, and dirty strip would prove what sound strip does not keep. A labelled frame
with defects counts once, and so does each tile of one that is larger than the full recipe takes: tiles are held back.
The score is chosen on calibration strip; what it loses is what the test strip says, with an exact bound.
"""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Callable, Sequence
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
from inspector.simulator.sheet import Planted
from trainer.assessment.bounds import rate_at_most
from trainer.assessment.coil import BATCH
from trainer.assessment.labelled_strip import LabelledStrip, SingleFrames, WholeCoils
from trainer.errors import UserError
from trainer.files import replace_file
from trainer.recipe.export import write_recipe

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
MOST_LOST = 0.001
"""Share of the defects that a screen may lose."""


class ScreenedPart(msgspec.Struct, frozen=True):
    """What one part of the strip gave, as it is kept between calls."""

    strip: str
    """The part's own text."""
    recipes: tuple[str, str]
    """SHA-256 of the full one's model and what its classes report, and of the screen's model."""
    defects: list[float]
    sound: list[float]


class ScreenedStrip(msgspec.Struct, frozen=True):
    """What a screen makes of strip that the full recipe has assessed."""

    defects: Floats
    """(D,): of each defect found by the full recipe that counts, the highest score of the frames it lies in."""
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

    def __init__(self, full: Segmenter, screen: Segmenter, card: Recipe, screen_classes: int) -> None:
        self._full, self._screen, self._card, self._classes = full, screen, card, screen_classes
        self.name, self.facts = full.name, full.facts
        self.in_flight = min(full.in_flight, screen.in_flight)
        self._scores: list[float] = []
        self._wanted: deque[bool] = deque()
        self._busy: deque[tuple[Bytes3D, Flags]] = deque()

    def want(self, frames: Sequence[bool]) -> None:
        """Have the full recipe look only at the marked ones of the next frames; at all that come after these."""
        self._wanted.extend(frames)

    def buffer(self, frames: int) -> Bytes3D:
        """Return memory of the full engine's kind."""
        return self._full.buffer(frames)

    def memory(self) -> dict[str, int]:
        """Return what the full engine reports."""
        return self._full.memory()

    def submit(self, frames: Bytes3D) -> None:
        """Begin both."""
        wanted = np.array([self._wanted.popleft() if self._wanted else True for _ in frames], np.bool_)
        self._screen.submit(frames)
        if wanted.any():
            self._full.submit(frames if wanted.all() else frames[wanted])
        self._busy.append((frames, wanted))

    def result(self) -> Maps:
        """Return the full recipe's maps, of frames that it did not look at those of sound ones."""
        self._scores += screen_scores(self._screen.result().presence, self._classes).tolist()
        frames, wanted = self._busy.popleft()
        if wanted.all():
            return self._full.result()
        labels, confidence = np.zeros((2, *frames.shape), np.uint8)
        presence = np.zeros((len(frames), self._card.columns), np.float32)
        if wanted.any():
            some = self._full.result()
            labels[wanted], confidence[wanted], presence[wanted] = some.labels, some.confidence, some.presence
        return Maps(labels, confidence, presence)

    def close(self) -> None:
        """Close both."""
        self._screen.close()
        self._full.close()

    def take(self, count: int | None = None) -> Floats:
        """Return the scores of the next `count` frames, or of all so far, once."""
        taken, self._scores = self._scores[:count], self._scores[len(self._scores[:count]) :]
        return np.array(taken, np.float32)


def screened(
    full: tuple[Recipe, bytes],
    screen: tuple[Recipe, bytes],
    labelled: LabelledStrip,
    say: Callable[[str], None],
    keep: Path | None = None,
) -> ScreenedStrip:
    """Run both recipes down the strip, but for the parts that `keep` has from a call before; new ones go there.

    Raises: RecipeError, EngineError, ValueError for a frame that cannot be used.
    """
    classes = msgspec.json.encode(full[0].classes)
    recipes = (hashlib.sha256(full[0].sha256.encode() + classes).hexdigest(), screen[0].sha256)
    before = {part.strip: part for part in read_kept(keep) if part.recipes == recipes} if keep else {}
    both: _Both | None = None
    parts: list[ScreenedPart] = []
    for strip in labelled.parts():
        part = before.get(str(strip))
        if part is None:
            if both is None:
                looks_first = fitted(screen[0], OpenVino(*screen), full[0], BATCH)
                both = _Both(OpenVino(*full), looks_first, full[0], len(screen[0].classes))
            part = _screened_part(both, full[0], strip, recipes)
            if keep and strip.kind == "coil":  # frames have names alone: other pixels may stand behind them next time
                _keep(keep, part)
        parts.append(part)
        defects, sound = (sum(len(getattr(part, name)) for part in parts) for name in ("defects", "sound"))
        say(f"{strip}: {defects} defects, {sound} sound frames so far")
    return ScreenedStrip(
        *(
            np.array([score for part in parts for score in getattr(part, name)], np.float32)
            for name in ("defects", "sound")
        )
    )


def _screened_part(both: _Both, card: Recipe, labelled: LabelledStrip, recipes: tuple[str, str]) -> ScreenedPart:
    defects: list[float] = []
    sound: list[float] = []
    if isinstance(labelled, WholeCoils):
        for coil in labelled.coils:
            _, alone = _places(coil.planted(), coil.metres, coil.frames)
            both.want(alone.tolist())
    looked_at = labelled.tiles((card.height, card.width)) if isinstance(labelled, SingleFrames) else labelled
    for strip in looked_at.assess(both, card):
        scores = both.take(1 if labelled.kind == "frame" else None)
        is_found = [bool(hit.any()) for hit in strip.hits()]
        if labelled.kind == "frame":
            defects += scores.tolist() if any(is_found) else []
            sound += [] if strip.planted else scores.tolist()
            continue
        places, alone = _places(strip.planted, strip.metres, len(scores))
        found_at = [at for at, found in zip(places, is_found, strict=True) if found]
        defects += [float(scores[at].max()) for at in found_at if alone[at].all()]
        occupied = np.full(len(scores), False)
        for at in places:
            occupied[at] = True
        sound += scores[~occupied].tolist()
    return ScreenedPart(str(labelled), recipes, defects, sound)


def read_kept(path: Path) -> list[ScreenedPart]:
    """Return the parts that calls before have kept in a file, none where there is none; a line cut off is left out."""
    if not path.is_file():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    try:
        return [msgspec.json.decode(line, type=ScreenedPart) for line in lines]
    except ValueError as error:
        raise UserError(f"{path}: not what this command keeps ({error}); expected another name, or none.") from error


def _keep(path: Path, part: ScreenedPart) -> None:
    kept = path.read_bytes() if path.is_file() else b""
    whole = kept[: kept.rfind(b"\n") + 1]
    with replace_file(path) as temporary:
        temporary.write_bytes(whole + msgspec.json.encode(part) + b"\n")


def _places(planted: Sequence[Planted], metres: float, frames: int) -> tuple[list[slice], Flags]:
    """Return for each true defect the frames it lies in, and (frames,) whether a defect that is alone lies there."""
    mm_per_frame = 1000 * metres / frames
    places, crowd = [], np.zeros(frames, np.int64)
    for defect in planted:
        first = min(max(0, math.floor(defect.start_mm / mm_per_frame)), frames - 1)
        places.append(slice(first, min(frames, max(first + 1, math.ceil(defect.end_mm / mm_per_frame)))))
        crowd[places[-1]] += 1
    alone = np.full(frames, False)
    for at in places:
        alone[at] |= crowd[at].max() == 1
    return places, alone


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
    keep: Path | None = None,
) -> Recipe:
    """Choose on `calibration`, measure on `test`, and write what is permitted into the recipe's card.

    `keep`: a file of what each coil gave, with which a call that was interrupted goes on.

    Raises: RecipeError, EngineError, UserError.
    """
    full, screen = recipe.load(folder), recipe.load(screen_folder)
    if full[0].measures_distance and not screen[0].measures_distance:
        raise UserError(
            f"{full[0]} reports frames unlike those it was taught, and {screen[0]} measures no distance; expected that "
            "it does, for it would hold such frames back unseen. Run `trainer specify` on the screen first."
        )
    say(f"calibration: {calibration}")
    below = choose_below(screened(full, screen, calibration, say, keep), most_lost)
    say(f"held back where the screen's score is below {below:.6f}")
    say(f"test, never chosen on: {test}")
    found = screened(full, screen, test, say, keep)
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
        settings_sha256=full[0].settings_sha256,
    )
    say(
        f"lost {lost} of {total} defects, at most {permitted.lost_at_most:.2%} with 95 % confidence; "
        f"{permitted.held_back:.1%} of {len(found.sound)} sound frames held back"
    )
    card = msgspec.structs.replace(full[0], screen=permitted)
    return write_recipe(folder, full[1], msgspec.to_builtins(card))
