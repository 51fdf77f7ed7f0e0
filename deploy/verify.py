"""An engine proven equal to its recipe's ONNX, which runs on the CPU; the manifest then says so, and how equal.

The reference of an fp16 or fp32 engine is the recipe's float graph in fp32 arithmetic (its Q/DQ pairs folded away where
it has any), that of an INT8 engine its Q/DQ graph: the two differ in who computes, and in nothing decided before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from deploy import candidate, frames
from deploy.compare import compare
from deploy.folder import check_writable
from deploy.precision import graph_at
from deploy.reported import chance_of
from inspector import recipe
from inspector.engines.nvidia import loader, manifest
from inspector.engines.nvidia.manifest import ENGINE, MANIFEST, Manifest, Parity, Precision
from inspector.engines.openvino import OpenVino
from inspector.engines.segmenter import Segmenter
from inspector.errors import EngineError, EngineRefused
from inspector.records.recipe import Recipe
from inspector.words import counted

if TYPE_CHECKING:
    from inspector.engines.nvidia.tensorrt import TensorRt


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How far an engine may be from its reference (honest twins: LOG.md, 2026-11-29)."""

    agreement: float
    """Least share of the pixels that are labelled alike."""
    iou: float
    """Least IoU of a class that is seen."""
    presence: float
    distance: float
    """Largest differences in any frame."""
    confidence: float
    """Largest mean difference of log-odds: of a seen class's pixels, and of its highest confidence in each frame, by
    which it is reported."""
    unseen: float
    """Largest share of the regions that one reports of which the other may see nothing, as far as they tell."""


FLOAT = Bounds(agreement=0.9995, iou=0.85, presence=0.3, distance=0.15, confidence=0.5, unseen=0.03)
"""fp16 and fp32."""
INT8 = Bounds(agreement=0.0, iou=0.3, presence=0.8, distance=0.4, confidence=1.0, unseen=0.05)
"""Besides its Dice: no class, size or frame is lost."""
MAX_DICE_LOSS = 0.005
"""INT8: how far the engine's Dice against truth may lie below its reference's."""
UNLIKELY = 0.05
"""Regions unseen are too many where chance makes as many of the allowed share less often than this: the lower bound of
their share lies above it (Clopper and Pearson, Biometrika 26, 1934). One alone decides nothing."""
MIN_PIXELS = 500
"""A class to which either gives this number is seen: with fewer, one uncertain defect would decide."""
OTHERWISE = "Build it in fp32; if that differs too, do not use this engine, and report it."
ROUNDS = 2
"""Procedural frames: how often each batch size comes."""


def verify(
    folder: Path,
    count: int | None,
    images: Path | None,
    masks: Path | None,
    say: Callable[[str], None],
    *,
    progress: Callable[[str], None] = lambda words: None,
    gpu: int = 0,
) -> bool:
    """Prove the engine in a recipe's folder, on GPU `gpu`, on procedural steel or on `images` with truth from `masks`.

    `count` frames, else all images; say what was found, write it into the manifest, and return whether it is within
    bounds. `progress` receives what is going on, and at the end nothing. What TensorRT-RTX compiled meanwhile, for
    every batch size that the daemon may run, is kept.

    An engine that `convert` built while another is in force is the one that is proven, and then takes its place.

    Raises: RecipeError, EngineError, InspectorError.
    """
    if masks and not images:
        raise EngineError("--masks go with --images: they are the truth of somebody's images. Give both.")
    if count is not None and count < 1:
        raise EngineError(f"--frames is {count}; expected 1 or more.")
    check_writable(folder, "Let this user write there: the proof lies next to the engine.")
    card, model = recipe.load(folder)
    waiting = candidate.find(folder)
    made, engine = _opened(folder, waiting, card, gpu)
    with closing(engine):
        if images is None:
            shown = frames.steel(card, count or ROUNDS * sum(made.batches))
            source = f"procedural steel, coil {frames.SEED}"
        else:
            shown, source = frames.images(card, images, masks, count), str(images.resolve())
        try:
            engine.warm(progress, gently=False)
            progress("comparing it with its ONNX on the CPU")
            names, now = [kind.name for kind in card.classes], datetime.now(UTC).isoformat(timespec="seconds")
            facts = {"source": source, "masks": str(masks.resolve()) if masks else "", "date": now}
            with closing(reference(card, model, made.precision)) as cpu:
                measured = compare(engine, cpu, shown, made.batches, names, **facts, card=card)
        finally:
            progress("")
        good = conclude(waiting or folder, made, card, measured, kernels=engine.kernels(), say=say)
    if waiting and good:
        candidate.promote(folder)
        say(f"{folder / ENGINE}: this engine now, in place of the one before.")
    elif waiting:
        say(f"{folder / ENGINE}: the engine before stays in force.")
    return good


def _opened(folder: Path, waiting: Path | None, card: Recipe, gpu: int) -> tuple[Manifest, TensorRt]:
    """Load the engine to prove.

    Raises: EngineRefused with what to do of the recipe, wherever the engine lies; EngineError.
    """
    try:
        return loader.open_unverified(waiting or folder, card, gpu)
    except EngineRefused as error:
        raise EngineRefused(str(error).replace(f"`deploy convert {waiting}", f"`deploy convert {folder}")) from error


def reference(card: Recipe, model: bytes, precision: Precision) -> Segmenter:
    """Load what an engine of this precision must equal.

    Raises: EngineError.
    """
    exact: Precision = "int8" if precision == "int8" else "fp32"
    graph, _ = graph_at(exact, card, model)
    return OpenVino(msgspec.structs.replace(card, precision=exact), graph, precision="f32")


def conclude(
    folder: Path,
    made: Manifest,
    card: Recipe,
    measured: Sequence[Parity],
    *,
    kernels: bytes,
    say: Callable[[str], None],
) -> bool:
    """Say the figures and the verdict, write both next to the engine with the kernels it compiled, return the verdict.

    `measured` is what `compare` returns. Where it shows nothing, what was written before stays.

    Raises: EngineRefused when the engine was built again meanwhile.
    """
    whole, *sizes = measured
    names = [kind.name for kind in card.classes]
    fault = out_of_bounds(made.precision, whole, sizes)
    open_question = "" if fault else undecided(made.precision, whole)
    if not open_question:
        manifest.write_proof(folder, made, whole, kernels, verified=not fault)
    say(figures(whole, names))
    if unseen := [name for name in names if name not in _seen(whole)]:
        say(
            f"Nothing is shown of {', '.join(unseen)}: neither found {MIN_PIXELS} pixels of it. "
            "Give frames that show it."
        )
    if open_question:
        say(f"{folder / MANIFEST}: stays as it was, {'verified' if made.verified else 'not verified'}. {open_question}")
    else:
        say(f"{folder / MANIFEST}: " + (f"not verified. {fault}" if fault else "verified."))
    return not (fault or open_question)


def out_of_bounds(precision: Precision, whole: Parity, sizes: Iterable[Parity] = ()) -> str:
    """Say what is wrong with these figures for an engine of this precision; empty when nothing is.

    `whole` is of all frames, each of `sizes` of some of them in batches of one size.
    """
    fault = _apart(precision, whole)
    for parity in sizes:
        if not fault and (lost := _apart(precision, parity)):
            fault = f"In batches of {parity.batches[0]}: {lost}"
    if precision != "int8":
        return f"{fault}. {OTHERWISE}" if fault else ""
    fault = fault or _dice_lost(whole)
    return f"{fault}. Build it in fp16." if fault else ""


def undecided(precision: Precision, whole: Parity) -> str:
    """Say why figures in which nothing is wrong prove no engine of this precision; empty where they do."""
    if not _seen(whole):
        return (
            f"Neither engine found {MIN_PIXELS} pixels of any defect: equal or not, this shows nothing. "
            "Give frames with defects."
        )
    if precision == "int8" and (whole.dice is None or whole.reference_dice is None):
        return "INT8 is accepted by Dice against truth, and no true defects are known. Give masks with defects."
    return ""


def _seen(parity: Parity) -> list[str]:
    """Return the classes of which there is enough to tell whether the two agree."""
    return [name for name, pixels in parity.class_pixels.items() if pixels >= MIN_PIXELS]


def _apart(precision: Precision, parity: Parity) -> str:
    """Say where two engines that should be equal are not; empty when nowhere."""
    bounds = INT8 if precision == "int8" else FLOAT
    if parity.not_finite:
        return f"What one of them says of {counted(parity.not_finite, 'frame')} is no number (NaN or infinite)"
    if parity.label_agreement < bounds.agreement:
        found, least = 100 * parity.label_agreement, 100 * bounds.agreement
        return f"{found:.4f} % of the pixels are labelled alike; expected {least:g} or more"
    for name in _seen(parity):
        if parity.iou[name] < bounds.iou:
            return f"The IoU of {name} is {parity.iou[name]:.4f}; expected {bounds.iou:g} or more"
    measured = (("confidence", parity.confidence_apart), ("highest confidence in a frame", parity.highest_apart))
    for figure, differences in measured:
        for name in _seen(parity):
            if (difference := differences.get(name, 0.0)) > bounds.confidence:
                return (
                    f"The {figure} of {name} differs by {difference:.4f} of log-odds on average; "
                    f"expected {bounds.confidence:g} at most"
                )
    for name, difference, most in (
        ("presence", parity.presence_difference, bounds.presence),
        ("distance", parity.distance_difference, bounds.distance),
    ):
        if difference > most:
            return f"The {name} of a frame differs by {difference:.4f}; expected {most:g} at most"
    return _unseen(bounds, parity)


def _unseen(bounds: Bounds, parity: Parity) -> str:
    """Say of which reported regions the other sees nothing, where they are more than chance would have."""
    for side, verb in enumerate(("loses", "invents")):
        pairs = {name: (parity.unseen[name][side], both[side]) for name, both in parity.reported.items()}
        everything = sum(unseen for unseen, _ in pairs.values()), sum(reported for _, reported in pairs.values())
        for name, (unseen, reported) in {**pairs, "any class": everything}.items():
            if unseen > 1 and chance_of(unseen, reported, bounds.unseen) < UNLIKELY:
                return (
                    f"What the engine {verb} of {name}: {unseen} of {counted(reported, 'reported region')}, of which "
                    f"the other shows not a pixel; expected no more than chance makes of {100 * bounds.unseen:g} %"
                )
    return ""


def _dice_lost(parity: Parity) -> str:
    """Say how far Dice against truth is below the reference's, where that is too far."""
    if parity.dice is None or parity.reference_dice is None:
        return ""
    loss = parity.reference_dice - parity.dice
    return f"Dice is {loss:.4f} below the reference's; expected {MAX_DICE_LOSS} at most" if loss > MAX_DICE_LOSS else ""


def figures(parity: Parity, names: Iterable[str]) -> str:
    """Write the figures for people."""
    rows = [("labels alike, % of pixels", f"{100 * parity.label_agreement:.4f}")]
    rows += [(f"IoU of the two, {name}", f"{parity.iou[name]:.4f}" if name in parity.iou else "-") for name in names]
    for figure_name, apart in (("confidence", parity.confidence_apart), ("highest", parity.highest_apart)):
        worst = max(apart, key=lambda name: apart[name], default="")
        rows += [(f"mean difference, {figure_name}", f"{apart[worst]:.4f} of log-odds ({worst})")] if worst else []
    rows += [
        ("largest difference of confidence", f"{parity.confidence_difference:.4f}"),
        ("largest difference of presence", f"{parity.presence_difference:.4f}"),
        ("largest difference of distance", f"{parity.distance_difference:.4f}"),
        ("frames without a number", f"{parity.not_finite}"),
    ]
    for side, figure_name in enumerate(("lost", "invented")):
        if total := sum(both[side] for both in parity.reported.values()):
            unseen = sum(both[side] for both in parity.unseen.values())
            rows.append((f"reported regions {figure_name}", f"{unseen} of {total}"))
    if parity.dice is not None and parity.reference_dice is not None:
        rows.append(("Dice against truth, micro", f"{parity.dice:.4f}, reference {parity.reference_dice:.4f}"))
    sizes = ", ".join(map(str, parity.batches))
    source = f"{counted(parity.frames, 'frame')} of {parity.source}, batches of {sizes}"
    heading = f"{parity.engine} compared with {parity.reference}: {source}"
    return "\n".join([heading, *(f"  {figure_name:<34}{figure}" for figure_name, figure in rows)])
