"""A recipe assessed on labelled frames by the daemon's own engine and the line's own rules: what a report rests on.

After the idea of VDI/VDE/VDMA 2632-4: per class, found and invented defects are counted against the truth and given
with the bound that N trials allow. Frames stream through; memory holds sums and the ten worst frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np

import inspector
from inspector.records.recipe import DefectClass, Maps, Recipe
from trainer.assessment.coil import Scale
from trainer.assessment.comparison import Comparison, RecipeTally
from trainer.assessment.defect_counts import ClassCounts, DefectCounts
from trainer.assessment.labelled_strip import assessed_frame, right
from trainer.assessment.reported import reported_labels
from trainer.assessment.worst import AssessedFrame, Worst, pictures
from trainer.data.samples import Sample
from trainer.errors import UserError
from trainer.metrics import Scores
from trainer.recipe.reliability import Bin, Reliability, bins_of, calibration_error


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """What the figures rest on."""

    recipe: str
    """`name@version`."""
    sha256: str
    """Of `model.onnx`."""
    precision: str
    encoder: str
    trained_on: str
    engine: str
    data: str
    """As the command line named it."""
    settings_chosen_on: str = ""
    """Of each class, in words; empty where `tune` has not chosen them, or did not say."""
    frames: int
    metres: float
    scale: str
    defects: int
    """Truly there."""
    assessed_at: str
    """RFC 3339, UTC."""
    version: str
    """Of this software."""


class Trust(msgspec.Struct, frozen=True):
    """Reliability of one class's labelled pixels, or of defects."""

    name: str
    bins: tuple[Bin, ...]
    error: float | None
    """Expected calibration error; None where nothing is labelled."""


class BadFrame(msgspec.Struct, frozen=True):
    """One of the worst frames, in words."""

    name: str
    missed: tuple[str, ...]
    confused: tuple[str, ...]
    invented: tuple[str, ...]
    wrong_px: int


class AcceptanceReport(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; `report.json` is this."""

    basis: Basis
    settings: tuple[DefectClass, ...]
    classes: tuple[ClassCounts, ...]
    total: ClassCounts
    confusion: tuple[tuple[int, ...], ...]
    """Defects by (true class, reported class): row 0 is nothing true, column 0 nothing reported."""
    pixel_confusion: tuple[tuple[int, ...], ...]
    """Pixels by (true class, labelled class), 0 = sound; of all that the network labelled."""
    outlined: dict[str, float | None]
    """Dice and IoU of all that the network labelled, keyed by convention."""
    reported: dict[str, float | None]
    """The same of what the settings of the recipe's classes let through."""
    reliability: tuple[Trust, ...]
    """All classes together first."""
    defect_reliability: Trust
    """The same of the reported defects' own probabilities, all classes together."""
    worst: tuple[BadFrame, ...]
    comparison: Comparison | None = None
    """With another recipe on the same frames, where one was named."""


class Acceptance:
    """Counts frames as they come. For one thread."""

    def __init__(self, card: Recipe, scale: Scale, *, is_compared: bool = False) -> None:
        """`is_compared`: sums are also kept by frame, for `comparison.compare`."""
        self._card, self._scale = card, scale
        self.tally = RecipeTally(card, [kind.name for kind in card.classes]) if is_compared else None
        classes = len(card.classes)
        self.outlined, self._reported = Scores(classes), Scores(classes)
        self.counts, self._reliability = DefectCounts(card.classes), Reliability(classes, card.confidence)
        self._certain: list[float] = []
        self._is_right: list[bool] = []
        self.worst = Worst()

    def add(self, sample: Sample, maps: Maps) -> None:
        """Count one frame and its maps (1, H, W).

        Raises:
            UserError: labels that the recipe has no class for.
        """
        labels = maps.labels[0]
        try:
            self.outlined.add(labels, sample.labels)
        except ValueError as error:
            raise UserError(f"{sample.name}: {error}") from error
        reported = reported_labels(maps, self._card, self._scale)
        self._reported.add(reported, sample.labels)
        self._reliability.add(labels, maps.confidence[0], sample.labels)
        alone = assessed_frame(sample.name, sample.labels, maps, self._card, self._scale)
        self._certain += [defect.confidence for defect in alone.reported]
        self._is_right += right(alone, self._card.classes)
        if self.tally:
            self.tally.add(alone, sample.labels, reported)
        self.worst.add(AssessedFrame(sample, labels, reported, alone, self.counts.add(alone)))

    def report(self, engine: str, data: Sequence[str]) -> AcceptanceReport:
        """Return what was counted so far."""
        card, total = self._card, self.counts.total()
        basis = Basis(
            recipe=str(card),
            sha256=card.sha256,
            precision=card.precision,
            encoder=card.encoder,
            trained_on=card.trained_on,
            engine=engine,
            data=" ".join(data),
            settings_chosen_on=str(card.scores.get("frame_chosen_on") or card.scores.get("coil_chosen_on") or ""),
            frames=self.outlined.frames,
            metres=self.counts.metres,
            scale=str(self._scale),
            defects=total.true,
            assessed_at=datetime.now(UTC).isoformat(timespec="seconds"),
            version=inspector.__version__,
        )
        names: list[tuple[str, int | None]] = [("all", None), *((kind.name, kind.id) for kind in card.classes)]
        defect_bins = bins_of(np.array(self._certain), np.array(self._is_right, bool))
        trust = ((name, self._reliability.bins(class_id)) for name, class_id in names)
        return AcceptanceReport(
            basis=basis,
            settings=card.classes,
            classes=tuple(self.counts.classes()),
            total=total,
            confusion=tuple(map(tuple, self.counts.confusion.tolist())),
            pixel_confusion=tuple(map(tuple, self.outlined.confusion.tolist())),
            outlined=_known(self.outlined.report()),
            reported=_known(self._reported.report()),
            reliability=tuple(Trust(name, tuple(bins), calibration_error(bins)) for name, bins in trust),
            defect_reliability=Trust("defects", tuple(defect_bins), calibration_error(defect_bins)),
            worst=tuple(self._describe(seen) for seen in self.worst.frames()),
        )

    def shots(self) -> Iterator[tuple[tuple[bytes, bytes, bytes], float]]:
        """Yield image, truth and found of each of the worst frames as JPEG, with its width / height."""
        for seen in self.worst.frames():
            height_px, width_px = seen.sample.pixels.shape
            yield pictures(seen, self._scale), width_px / height_px

    def _describe(self, seen: AssessedFrame) -> BadFrame:
        planted, reported, errors = seen.strip.planted, seen.strip.reported, seen.errors
        names = [kind.name for kind in self._card.classes]

        def true(number: int) -> str:
            defect = planted[number]
            return f"{names[defect.class_id - 1]} of {defect.area_mm2:.0f} mm2 at {defect.left_mm:.0f} mm"

        return BadFrame(
            name=seen.sample.name,
            missed=tuple(map(true, errors.missed)),
            confused=tuple(map(true, errors.confused)),
            invented=tuple(
                f"{defect.name} of {defect.area_mm2:.0f} mm2 at {defect.left_mm:.0f} mm, {defect.confidence:.2f} sure"
                for defect in (reported[number] for number in errors.false)
            ),
            wrong_px=seen.badness[1],
        )


def _known(figures: dict[str, float]) -> dict[str, float | None]:
    """Return figures with None where there was nothing to measure: JSON has no nan."""
    return {name: None if math.isnan(value) else value for name, value in figures.items()}
