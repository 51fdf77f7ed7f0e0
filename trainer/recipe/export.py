"""From a run to a recipe folder: `model.onnx`, the deployed graph, and `recipe.toml`, what it is and how good.

Knows the recipe's layout; must not know how the network was trained. Each of the two files is replaced whole, the
model first: a reader that checks the hash refuses the moment between, and never takes half of each.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from inspector.engines.openvino import OpenVino
from inspector.records.recipe import DefectClass, Recipe, Window
from trainer.data import sources
from trainer.data.samples import Frames
from trainer.data.sizes import check_sizes, cut_larger, line_size
from trainer.data.split import Part, few_of, open_data
from trainer.errors import UserError
from trainer.files import replace_file
from trainer.recipe import evaluate
from trainer.recipe.calibrate import calibrate
from trainer.recipe.held_out import HeldOut, folds_of, infer_all, load_network, scale_head, write_graph
from trainer.recipe.quantize import quantise
from trainer.settings import Settings

THRESHOLD, MIN_AREA_MM2 = 0.5, 20.0  # before anyone tuned them
CALIBRATED_THRESHOLD = 0.2
"""A calibrated network is sure of few pixels: at 0.5 it may outline a tenth of what it does at 0.2 (LOG.md)."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What the person who exports decides; everything else follows from the run."""

    name: str
    version: str
    created: str
    """Date, ISO 8601."""
    trained_on: str
    classes: tuple[DefectClass, ...]
    precision: str
    """`fp32` or `int8`."""
    size_px: tuple[int, int] | None = None
    """Height and width of the frames on the line; None: as the run or its data states, or what all fit into."""
    calibrate: Sequence[str] = ()
    """Frames that INT8 takes its ranges from, as `trainer.data.sources` reads them; empty: those of the run."""
    calibration_frames: int = 24
    """Number of them, at random."""
    stated: frozenset[str] = frozenset()
    """Classes whose threshold was asked for; that of the others follows from the network."""
    calibrated: bool = False
    """Whether the head is fitted to validation frames, so that its probabilities mean what they say."""
    score_frames: int = 200
    """Validation frames, at most, that the recipe is measured on, and its head fitted to where it is calibrated."""


def export(run: Path, folder: Path, asked: ExportOptions, say: Callable[[str], object] = print) -> Recipe:
    """Write the best network of a run as a recipe, measured as the daemon will run it.

    Where not all frames are measured, `say` gets how many are.

    Raises:
        UserError: no such run, data that is gone, or something asked for that a recipe cannot be.
    """
    unet, card = load_network(run)
    train, validation = open_data(card.settings, run, card.class_names)
    names = [kind.name for kind in asked.classes]
    usual = sources.frames(asked.calibrate, classes=names, window=train.window) if asked.calibrate else train
    size_px = choose_size(asked, card.settings, check_sizes(train) + check_sizes(validation))
    measured, words = choose_measured(train, validation, asked.score_frames, card.settings.seed)
    if words:
        say(words)
    chosen = cut_larger(calibration(usual, asked.calibration_frames, card.settings.seed), size_px)
    fields = describe(asked, card.settings.encoder, *size_px, train.window)
    # What cannot be is refused before the minutes that a graph takes.
    draft = _checked(fields, folder)
    folds = folds_of(run, card.settings)
    certainty = None
    if asked.calibrated:
        certainty = calibrate(folds or [HeldOut(unet, measured)])
    if folds and certainty:
        scale_head(unet, certainty.temperature, certainty.sound)
    if certainty and certainty.is_fitted:
        fields["class"] = [msgspec.to_builtins(kind) for kind in _calibrated_classes(asked)]
    model = fp32 = write_graph(unet, draft)
    if asked.precision == "int8":
        model = quantised(fp32, chosen, draft)
        fields["calibrated_on"] = [chosen.name(i) for i in range(len(chosen))]
    fields["sha256"] = hashlib.sha256(model).hexdigest()
    card_of_model = _checked(fields, folder)

    def measure(graph: bytes) -> dict[str, float]:
        inferred = evaluate.infer(OpenVino(card_of_model, graph), measured, card_of_model)
        return evaluate.pixel_scores(inferred, len(names))

    scores = measure(model)
    if asked.precision == "int8":
        scores["int8_dice_micro_loss"] = measure(fp32)["dice_micro"] - scores["dice_micro"]
    if folds:  # the run's own network has learnt from all of these frames
        scores |= evaluate.pixel_scores(infer_all(folds, card_of_model, like=fp32), len(names))
    if certainty:
        scores |= certainty.scores
    fields["scores"] = {  # what nothing measured is left out
        f"validation_{name}": round(value, 4) for name, value in scores.items() if not math.isnan(value)
    }
    return write_recipe(folder, model, fields)


def choose_measured(train: Frames, validation: Frames, count: int, seed: int) -> tuple[Part, str]:
    """Return frames to measure on, `count` at most and each kind in its share, and in words where they are not all.

    They are of those that teach where a run has none to measure on.
    """
    frames = validation if len(validation) else train
    chosen = few_of(frames, min(count, len(frames)), seed)
    part = "validation frames" if len(validation) else "frames"
    words = f"measured on {len(chosen)} of {len(frames)} {part}, each kind in its share; --score-frames takes more"
    return chosen, words if len(chosen) < len(frames) else ""


def quantised(fp32: bytes, chosen: Frames, card: Recipe) -> bytes:
    """Return a graph in INT8, its ranges from the chosen frames."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "model.onnx"
        path.write_bytes(fp32)
        planes = (evaluate.pad(chosen[i], card.height, card.width) for i in range(len(chosen)))
        quantise(path, planes, len(card.classes), path)
        return path.read_bytes()


def choose_size(asked: ExportOptions, settings: Settings, sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return height and width of the line's frames: as asked, as the run or its data states, or what all fit into."""
    return line_size(sizes, asked.size_px or settings.size or sources.stated_size([*settings.data, *settings.validate]))


def calibration(frames: Frames, count: int, seed: int) -> Part:
    """Return frames chosen at random."""
    return Part(frames, tuple(map(int, np.random.default_rng(seed).permutation(len(frames))[:count])))


def _calibrated_classes(asked: ExportOptions) -> list[DefectClass]:
    """The classes, with a calibrated network's threshold where none was asked for."""
    return [
        kind if kind.name in asked.stated else msgspec.structs.replace(kind, threshold=CALIBRATED_THRESHOLD)
        for kind in asked.classes
    ]


def describe(
    asked: ExportOptions, encoder: str, height_px: int, width_px: int, window: Window | None
) -> dict[str, object]:
    """Return what `recipe.toml` says, in its order; hash and scores are not known yet."""
    return {
        "name": asked.name,
        "version": asked.version,
        "created": asked.created,
        "encoder": encoder,
        "precision": asked.precision,
        "sha256": "0" * 64,
        "height": height_px,
        "width": width_px,
        **({"window": msgspec.to_builtins(window)} if window else {}),
        "trained_on": asked.trained_on,
        "confidence": "log_odds",
        "class": [msgspec.to_builtins(kind) for kind in asked.classes],
        "scores": {},
    }


def write_recipe(folder: Path, model: bytes, fields: Mapping[str, object]) -> Recipe:
    """Write `model.onnx` and `recipe.toml` into a folder and return what the latter says.

    Raises:
        UserError: something that is not allowed in a recipe; the folder is left as it was.
    """
    recipe = _checked(fields, folder)
    with replace_file(folder / "model.onnx") as temporary:
        temporary.write_bytes(model)
    with replace_file(folder / "recipe.toml") as temporary:
        temporary.write_bytes(msgspec.toml.encode(_stated(fields)))
    return recipe


def _stated(value: object) -> object:
    """Return a record's fields without those that say nothing, for which TOML has no word."""
    if isinstance(value, Mapping):
        return {name: _stated(part) for name, part in value.items() if part is not None}
    return [_stated(part) for part in value] if isinstance(value, list | tuple) else value


def _checked(fields: Mapping[str, object], folder: Path) -> Recipe:
    try:
        return msgspec.convert(fields, Recipe)
    except msgspec.ValidationError as error:
        raise UserError(f"{folder / 'recipe.toml'}: {error}; change what export was asked for") from error


def choose_classes(
    names: Sequence[str],
    thresholds: Mapping[str, float],
    min_areas_mm2: Mapping[str, float],
) -> tuple[DefectClass, ...]:
    """Return the recipe's classes, with least probability and smallest area where given by name.

    Raises:
        UserError: a name that is no class.
    """
    odd = (thresholds.keys() | min_areas_mm2.keys()) - set(names)
    if odd:
        raise UserError(f"class {', '.join(sorted(odd))} is unknown; expected {', '.join(names)}")
    return tuple(
        DefectClass(number, name, thresholds.get(name, THRESHOLD), min_areas_mm2.get(name, MIN_AREA_MM2))
        for number, name in enumerate(names, 1)
    )
