"""What a recipe's card says and what its graph returns. Changing it breaks trainer and converter."""

from __future__ import annotations

import hashlib
import math
from typing import Annotated, Any, Literal, overload

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from inspector.records.confidence import Encoding, probabilities
from inspector.records.frame import Bytes3D
from inspector.records.names import Name


class Window(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Which two stored levels become grey 0 and grey 255, for images of more than 8 bits; linear in between."""

    black: Annotated[int, Meta(ge=0, le=65534)]
    white: Annotated[int, Meta(ge=1, le=65535)]

    def __str__(self) -> str:
        return f"{self.black}-{self.white}"


Weight = Annotated[float, Meta(ge=-1e6, le=1e6)]
"""A finite number: with any other no defect would be reported, or each would be certain."""


class Certainty(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How likely what is outlined is a defect of its class: logistic regression (Cox, J. R. Statist. Soc. B 20, 1958).

    The log-odds are `constant` and the sum of each weight times what it is named after; natural logarithms.
    """

    constant: Weight
    log_odds: Weight
    """Weight of the log-odds of its most certain pixel."""
    log_area: Weight
    """Weight of the logarithm of its area, square millimetres."""
    log_length: Weight
    """Weight of the logarithm of its length along the travel, millimetres."""
    largest_mm2: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    """The largest area that it was fitted to; None: not noted."""
    longest_mm: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    """The greatest length that it was fitted to; None: not noted."""

    def covers(self, area_mm2: float, length_mm: float) -> bool:
        """Whether a defect is no larger than those that it was fitted to: of others it says nothing that was seen."""
        return area_mm2 <= (self.largest_mm2 or math.inf) and length_mm <= (self.longest_mm or math.inf)

    def probability(self, area_mm2: float, length_mm: float, confidence: float) -> float:
        """Return the probability, 0..1, of a defect whose most certain pixel has `confidence`, 0..1."""
        return self.follows(*evidence(area_mm2, length_mm, confidence))

    def follows(self, odds: float, area: float, length: float) -> float:
        """Return the probability, 0..1, that follows from what `evidence` returns."""
        return logistic(self.constant + self.log_odds * odds + self.log_area * area + self.log_length * length)


MOST_LOG_ODDS = 16.0
"""Of one pixel or of a defect: 1 in 9 million, beyond what any frames can show."""
LEAST_SIZE = 0.1
"""Of an area or a length, as events round them."""


def logistic(log_odds: float) -> float:
    """Return the probability, 0..1, of log-odds; never quite 0 or 1."""
    return 1 / (1 + math.exp(-min(max(log_odds, -MOST_LOG_ODDS), MOST_LOG_ODDS)))


def evidence(area_mm2: float, length_mm: float, confidence: float) -> tuple[float, float, float]:
    """Return what a defect's probability follows from: log-odds, logarithm of area, and of length."""
    least = 1 / (1 + math.exp(MOST_LOG_ODDS))
    certain = min(max(confidence, least), 1 - least)
    return (
        math.log(certain / (1 - certain)),
        math.log(max(area_mm2, LEAST_SIZE)),
        math.log(max(length_mm, LEAST_SIZE)),
    )


class DefectClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of defect and how sure and how large it must be; tuning these rebuilds nothing."""

    id: Annotated[int, Meta(ge=1, le=254)]
    """Its value in the label maps; ids count up from 1 without gaps."""
    name: Name
    threshold: Annotated[float, Meta(gt=0, lt=1)]
    """A pixel counts when its probability reaches this."""
    min_area_mm2: Annotated[float, Meta(ge=0, le=1e9)]
    """A smaller defect is not reported, square millimetres."""
    min_confidence: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """A defect whose highest confidence is lower than this is not reported: `threshold` draws its outline, this
    decides whether it is one (hysteresis, as in Canny's edge detector, 1986).
    """
    min_probability: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """A defect less probable than this, by its pixels and its size together, is not reported, unless it is larger than
    all that the probability was fitted to.
    """
    certainty: Certainty | None = None
    """How a defect's probability follows from its pixels and its size; None: it is that of its most certain pixel."""

    def probability(self, area_mm2: float, length_mm: float, confidence: float) -> float:
        """Return how likely a defect is one of this class; `confidence` is its highest pixel probability."""
        return self.certainty.probability(area_mm2, length_mm, confidence) if self.certainty else confidence

    def reports(self, area_mm2: float, length_mm: float, confidence: float) -> bool:
        """Whether a defect is large and sure enough to be reported: the one rule, for the line and the trainer.

        `area_mm2` and `length_mm` are of the whole, `confidence` (0..1) is its highest pixel probability.
        """
        if not self.may_report(area_mm2, confidence):
            return False
        return not self.min_probability or self.deciding(area_mm2, length_mm, confidence) >= self.min_probability

    def deciding(self, area_mm2: float, length_mm: float, confidence: float) -> float:
        """Return what must reach `min_probability`: a defect's probability; 1 beyond all that this was fitted to."""
        is_covered = self.certainty is None or self.certainty.covers(area_mm2, length_mm)
        return self.probability(area_mm2, length_mm, confidence) if is_covered else 1.0

    @overload
    def may_report(self, area_mm2: float, confidence: float) -> bool: ...
    @overload
    def may_report(self, area_mm2: NDArray[Any], confidence: NDArray[Any]) -> NDArray[np.bool_]: ...
    def may_report(self, area_mm2: Any, confidence: Any) -> Any:
        """Whether it is, as far as area and pixels go: how probable it is shows once it is seen whole.

        Two numbers, or two arrays.
        """
        return self.is_large(area_mm2) & (confidence >= self.min_confidence)

    @overload
    def is_large(self, area_mm2: float) -> bool: ...
    @overload
    def is_large(self, area_mm2: NDArray[Any]) -> NDArray[np.bool_]: ...
    def is_large(self, area_mm2: Any) -> Any:
        """Whether a defect is large enough, be it as sure as it may."""
        return area_mm2 >= self.min_area_mm2


class Screen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A fast recipe that may look at frames first: below which score it holds them back, and what that loses."""

    recipe: str
    """Name and version of the fast recipe, `NAME@VERSION`."""
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    """Of the fast recipe's model: the score means nothing for another."""
    below: Annotated[float, Meta(gt=0, le=1)]
    """A frame is sound where the fast recipe gives no pixel of any defect so high a probability."""
    defects: Annotated[int, Meta(ge=1)]
    """Defects of the test strip that the full recipe found."""
    lost: Annotated[int, Meta(ge=0)]
    """How many of them were in held-back frames alone."""
    lost_at_most: Annotated[float, Meta(ge=0, le=1)]
    """Upper bound of the share that is lost, at 95 % confidence."""
    held_back: Annotated[float, Meta(ge=0, le=1)]
    """Share of the test strip's sound frames that was held back."""
    settings_sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Of what the full recipe reported as this was measured (`Recipe.settings_sha256`); None: not noted."""


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `recipe.toml` says; the network itself is `model.onnx` next to it."""

    name: Name
    version: str
    created: str
    """Date of export, ISO 8601."""
    encoder: str
    precision: Literal["fp32", "fp16", "int8"]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    """Of `model.onnx`."""
    height: Annotated[int, Meta(ge=32, le=16384)]
    width: Annotated[int, Meta(ge=32, le=16384)]
    """Rows and columns that the network sees at once; other frames are cut into tiles, or padded."""
    mm_per_px: Annotated[float, Meta(ge=0, le=100)] = 0.0
    """Millimetres of strip for a pixel of what it was trained on, across and along; 0: not known."""
    window: Window | None = None
    """How frames of more than 8 bits become grey, as those it was trained on did; None: such frames are refused."""
    trained_on: str
    """In words, so that a demonstration is not taken for a qualified recipe."""
    calibrated_on: tuple[str, ...] = ()
    """Names of the frames that INT8 took its ranges from; empty where none were, or they were not noted."""
    classes: Annotated[tuple[DefectClass, ...], Meta(min_length=1)] = msgspec.field(name="class")
    confidence: Encoding = "linear"
    """How the confidence map's eight bits are meant, as `inspector.records.confidence` has it."""
    measures_distance: bool = False
    """Whether presence has one more column: how far a frame is from those it was taught on, in units of the limit."""
    screen: Screen | None = None
    """Which fast recipe may look first; None: what that would lose was not measured."""
    scores: dict[str, float | int | str] = {}
    """Measured on frames it was not trained on; the keys name convention and unit."""

    @property
    def settings_sha256(self) -> str:
        """SHA-256 of what decides which defects are reported: model and settings, but no names and no figures.

        Cards note it: what becomes a setting later is left out where it has its default, or theirs would not hold.
        """
        kinds = [
            (
                kind.threshold,
                kind.min_area_mm2,
                kind.min_confidence,
                kind.min_probability,
                kind.certainty if kind.min_probability else None,
            )
            for kind in self.classes
        ]
        return hashlib.sha256(msgspec.json.encode((self.sha256, self.confidence, kinds))).hexdigest()

    @property
    def columns(self) -> int:
        """How many numbers presence has for each frame."""
        return len(self.classes) + self.measures_distance

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """The probability (256,) that each code of the confidence map stands for."""
        return probabilities(self.confidence)

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


UNMEASURED = -1.0
"""The distance of a frame that nobody measured: it was held back by a screen that measures none, or is mostly pad."""


class Maps(msgspec.Struct, frozen=True):
    """What the network says of N frames."""

    labels: Bytes3D
    """(N, H, W) uint8: 0 = sound, else the class id."""
    confidence: Bytes3D
    """(N, H, W) uint8: probability of that class, in the code that the recipe states; 0 where sound."""
    presence: NDArray[np.float32]
    """(N, C) float32: highest probability of each defect class anywhere in the frame.

    (N, C + 1) where the recipe measures distance; above 1 nothing that the maps show is covered by its figures, and
    below 0 (`UNMEASURED`) nobody measured it."""
