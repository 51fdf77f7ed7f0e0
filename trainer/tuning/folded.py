"""A recipe's settings chosen on all frames of its run, by networks that never saw them.

Of a run with `--folds` every frame is looked at by the network that was not taught it. All of them choose; what that is
worth is counted with settings chosen without the part that is counted, so that no frame decides how it is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from inspector import recipe
from inspector.records.recipe import Recipe
from inspector.words import counted
from trainer.assessment.coil import Scale
from trainer.assessment.defect_counts import DefectCounts
from trainer.assessment.labelled_strip import AssessedStrip, assessed_frame
from trainer.metrics import Scores
from trainer.recipe.export import write_recipe
from trainer.recipe.held_out import HeldOut, graphs_of, infer_part, scale_head
from trainer.tuning.certainty import fitted_to
from trainer.tuning.sweep import outcomes, wide_open, with_settings
from trainer.tuning.targets import TuningTarget, choose
from trainer.tuning.tune import Tuned, chosen_settings, decide, defect_lines, scores_of, without_screen

Parts = Sequence[Sequence[AssessedStrip]]


def tune_folded(
    folder: Path,
    folds: Sequence[HeldOut],
    scale: Scale,
    target: TuningTarget,
    say: Callable[[str], None],
    *,
    accept_collapsed: bool = False,
) -> Tuned:
    """Choose the recipe's settings on what the folds' networks find, count that crosswise, and write both.

    Raises: RecipeError, EngineError, ValueError for a frame that cannot be used.
    """
    card, model = recipe.load(folder)
    opened, pixels = wide_open(card), Scores(len(card.classes))
    _scale_heads(folds, card)
    graphs = graphs_of(folds, opened)
    parts = [_assessed(part, graph, opened, scale, pixels) for part, graph in zip(folds, graphs, strict=True)]
    strips = [strip for part in parts for strip in part]
    metres = sum(strip.metres for strip in strips)
    say(
        f"calibration: {counted(len(strips), 'frame')}, {metres:.1f} m at {scale}, each by one of {len(folds)} "
        "networks that never saw it"
    )
    decided = decide(
        card, outcomes(opened, strips), target, metres, say, strip_kind="frame", accept_collapsed=accept_collapsed
    )
    if decided.card is None:
        return Tuned(card, False, decided.faults)
    counts = count_crosswise(card, parts, target)
    say("the same frames, each counted at settings chosen without its part:")
    for line in defect_lines(counts):
        say(f"  {line}")
    tuned = decided.with_scores(scores_of(counts, pixels, "frame"), "frame")
    tuned = without_screen(fitted_to(tuned, strips, decided.stay, say), card, say)
    return Tuned(write_recipe(folder, model, msgspec.to_builtins(tuned)), True, decided.faults)


def _scale_heads(parts: Sequence[HeldOut], card: Recipe) -> None:
    """Scale the networks' heads as the recipe's was, where it was."""
    temperature, sound = (card.scores.get(f"validation_{name}") for name in ("temperature", "sound_logit"))
    if temperature is not None and sound is not None:
        for part in parts:
            scale_head(part.unet, float(temperature), float(sound))


def _assessed(part: HeldOut, graph: bytes, opened: Recipe, scale: Scale, pixels: Scores) -> list[AssessedStrip]:
    """Return a part's frames as its network's graph sees them, nothing held back."""
    strips = []
    for sample, maps in infer_part(part, graph, opened):
        pixels.add(maps.labels[0], sample.labels)
        strips.append(assessed_frame(sample.name, sample.labels, maps, opened, scale))
    return strips


def count_crosswise(card: Recipe, parts: Parts, target: TuningTarget) -> DefectCounts:
    """Count each part at settings chosen on the others; strips are as seen with nothing held back."""
    counts = DefectCounts(card.classes)
    for place, part in enumerate(parts):
        others = [strip for number, strips in enumerate(parts) if number != place for strip in strips]
        metres = sum(strip.metres for strip in others)
        choices = choose(outcomes(wide_open(card), others), card.classes, target, metres)
        kinds = {kind.name: kind for kind in with_settings(card, chosen_settings(card, choices)).classes}
        for strip in part:
            kept = tuple(
                defect
                for defect in strip.reported
                if kinds[defect.name].reports(defect.area_mm2, defect.length_mm, defect.confidence)
            )
            counts.add(msgspec.structs.replace(strip, reported=kept))
    return counts
