"""An engine proven equal to its recipe's ONNX, which runs on the CPU; the manifest then says so, and how equal.

The reference of an fp16 or fp32 engine is the recipe's float graph in fp32 arithmetic (its Q/DQ pairs folded away where
it has any), that of an INT8 engine its Q/DQ graph: the two differ in who computes, and in nothing decided before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from deploy import frames
from deploy.compare import compare
from deploy.folder import check_writable
from deploy.precision import graph_at
from inspector import recipe
from inspector.engines.nvidia import loader, manifest
from inspector.engines.nvidia.manifest import MANIFEST, Manifest, Parity, Precision
from inspector.engines.openvino import OpenVino
from inspector.engines.segmenter import Segmenter
from inspector.errors import EngineError
from inspector.records.recipe import Recipe
from inspector.words import counted

MIN_AGREEMENT = 0.9995
"""fp16 and fp32: share of the pixels that must be labelled alike."""
MAX_DICE_LOSS = 0.005
"""INT8: how far the engine's Dice against truth may lie below its reference's."""
MAX_PRESENCE_DIFFERENCE, MAX_DISTANCE_DIFFERENCE = 0.5, 0.1
"""Of any frame. Honest twins differ by less than a tenth of these (LOG.md, 2026-11-29)."""
OTHERWISE = "Build it in fp32; if that differs too, do not use this engine, and report it"
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

    Raises: RecipeError, EngineError, InspectorError.
    """
    if masks and not images:
        raise EngineError("--masks go with --images: they are the truth of somebody's images. Give both.")
    if count is not None and count < 1:
        raise EngineError(f"--frames is {count}; expected 1 or more.")
    check_writable(folder, "Let this user write there: the proof lies next to the engine.")
    card, model = recipe.load(folder)
    made, engine = loader.open_unverified(folder, card, gpu)
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
                parity = compare(engine, cpu, shown, made.batches, names, **facts, encoding=card.confidence)
        finally:
            progress("")
        return conclude(folder, made, card, parity, kernels=engine.kernels(), say=say)


def reference(card: Recipe, model: bytes, precision: Precision) -> Segmenter:
    """Load what an engine of this precision must equal.

    Raises: EngineError.
    """
    exact: Precision = "int8" if precision == "int8" else "fp32"
    graph, _ = graph_at(exact, card, model)
    return OpenVino(msgspec.structs.replace(card, precision=exact), graph, precision="f32")


def conclude(
    folder: Path, made: Manifest, card: Recipe, parity: Parity, *, kernels: bytes, say: Callable[[str], None]
) -> bool:
    """Say the figures and the verdict, write both next to the engine with the kernels it compiled, return the verdict.

    Raises: EngineRefused when the engine was built again meanwhile.
    """
    fault = out_of_bounds(made.precision, parity)
    manifest.write_proof(folder, made, parity, kernels, verified=not fault)
    say(figures(parity, [kind.name for kind in card.classes]))
    say(f"{folder / MANIFEST}: " + (f"not verified. {fault}" if fault else "verified."))
    return not fault


def out_of_bounds(precision: Precision, parity: Parity) -> str:
    """Say what is wrong with these figures for an engine of this precision; empty when nothing is."""
    if not parity.iou:
        return "Neither engine found a defect: equal or not, this shows nothing. Give frames with defects."
    if fault := _out_of_range(parity):
        return f"{fault}. {'Build it in fp16' if precision == 'int8' else OTHERWISE}."
    if precision != "int8":
        if parity.label_agreement >= MIN_AGREEMENT:
            return ""
        return (
            f"{100 * parity.label_agreement:.4f} % of the pixels are labelled alike; expected {100 * MIN_AGREEMENT:g} "
            f"or more. {OTHERWISE}."
        )
    if parity.dice is None or parity.reference_dice is None:
        return "INT8 is accepted by Dice against truth, and no true defects are known. Give masks with defects."
    loss = parity.reference_dice - parity.dice
    if loss <= MAX_DICE_LOSS:
        return ""
    return f"Dice is {loss:.4f} below the reference's; expected {MAX_DICE_LOSS} at most. Build it in fp16."


def _out_of_range(parity: Parity) -> str:
    """Say what is wrong with what they say of whole frames; empty when nothing is."""
    if parity.not_finite:
        return f"What one of them says of {counted(parity.not_finite, 'frame')} is no number (NaN or infinite)"
    for name, found, most in (
        ("presence", parity.presence_difference, MAX_PRESENCE_DIFFERENCE),
        ("distance", parity.distance_difference, MAX_DISTANCE_DIFFERENCE),
    ):
        if found > most:
            return f"The {name} of some frame differs by {found:.4f}; expected {most:g} at most"
    return ""


def figures(parity: Parity, names: Iterable[str]) -> str:
    """Write the figures for people."""
    rows = [("labels alike, % of pixels", f"{100 * parity.label_agreement:.4f}")]
    rows += [(f"IoU of the two, {name}", f"{parity.iou[name]:.4f}" if name in parity.iou else "-") for name in names]
    rows += [
        ("largest difference of confidence", f"{parity.confidence_difference:.4f}"),
        ("largest difference of presence", f"{parity.presence_difference:.4f}"),
        ("largest difference of distance", f"{parity.distance_difference:.4f}"),
        ("frames without a number", f"{parity.not_finite}"),
    ]
    if parity.dice is not None and parity.reference_dice is not None:
        rows.append(("Dice against truth, micro", f"{parity.dice:.4f}, reference {parity.reference_dice:.4f}"))
    sizes = ", ".join(map(str, parity.batches))
    source = f"{counted(parity.frames, 'frame')} of {parity.source}, batches of {sizes}"
    heading = f"{parity.engine} compared with {parity.reference}: {source}"
    return "\n".join([heading, *(f"  {figure_name:<34}{figure}" for figure_name, figure in rows)])
