"""How near procedural steel comes to real steel: shapes and pixels side by side, and a classifier to tell them apart.

    python -m tests.bench.realism REAL_FOLDER --only manifest.csv:kind=full_masks --masks CSV --unlabelled FOLDER

REAL_FOLDER is labelled as Severstal's is. Each look of procedural steel is compared with it; every procedural frame is
of another coil, and is saved as a JPEG first, as the real ones were. The classifier is a logistic regression. The area
under its curve (AUC) is 0.5 where it cannot tell, 1 where it always can; a control tells one half of the real frames
from the other half, which nobody can.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
import onnx

from inspector import recipe
from tests.bench.realism import pieces
from tests.bench.realism.classifier import Flags, Floats, Numbers, area, fit, separate
from tests.bench.realism.frames import NAMES, Measured, measure, read_masks
from trainer.commands.arguments import DATA_HELP, ONLY_HELP, count
from trainer.data.samples import Frames
from trainer.data.sources import frames as open_frames
from trainer.data.unlabelled import open_plain
from trainer.recipe.distance import FeatureGraph

SHEETS = ("sheet:6000-6149:1:defects=5", "sheet:6000-6149:1:defects=5,look=mill")
ENCODER = "steel-fast"
CONTROLS, TOP = 6, 15
GROUPS = {
    "levels": "grey|strip",
    "profiles": "profile",
    "gradients and contrast": "gradient|local|contrast",
    "tails": "fine|coarse",
    "power by octaves": "power",
}
"""Kinds of plain features, by how their names begin."""


def main() -> None:
    """Print the comparison."""
    given = _arguments()
    described, model = recipe.load(recipe.find(given.recipe, Path()))
    encoder = FeatureGraph(onnx.load_from_string(model), len(described.classes))
    labelled = open_frames([str(given.real)], given.only)
    real_frames: list[Frames] = [labelled, *([open_plain(given.unlabelled, None)] if given.unlabelled else [])]
    real, names = measure(real_frames, given.frames, encoder, filed=False)
    sets = {}
    for spec in given.sheet:
        sets[spec], _ = measure([open_frames([spec])], given.frames, encoder, filed=True)
    shapes = {"real": real.pieces} | {spec: found.pieces for spec, found in sets.items()}
    if given.masks:
        true = pieces.Pieces(NAMES)
        for labels in read_masks(given.masks):
            true.add(labels)
        shapes = {"true masks without frames": true, **shapes}
    print(pieces.tables(shapes, NAMES))
    counts = ", ".join(f"{spec}: {len(found.plain)}" for spec, found in sets.items())
    print(f"\nFrames with enough strip: real {len(real.plain)}, {counts}\n")
    print(separations(names, real, sets))
    for spec, found in sets.items():
        print(f"\n{spec}: what gives it away most\n\n{giveaways(names, real.plain, found.plain)}")


def separations(names: list[str], real: Measured, sets: dict[str, Measured]) -> str:
    """Return a table of AUCs with 95 % intervals: controls, and each look; by kinds of features, all, the encoder's."""
    columns = {group: [at for at, name in enumerate(names) if re.match(start, name)] for group, start in GROUPS.items()}
    columns["all of them"] = list(range(len(names)))
    lines = [
        f"| separated from real frames, AUC | {' | '.join(columns)} | the encoder's |",
        "|---" * (2 + len(columns)) + "|",
    ]

    def row(name: str, plain: Floats, encoded: Floats, positive: Flags, groups: Numbers) -> None:
        found = [separate(plain[:, chosen], positive, groups, 0) for chosen in columns.values()]
        found.append(separate(encoded, positive, groups, 0))
        lines.append(f"| {name} | {' | '.join(map(str, found))} |")

    for number in range(CONTROLS):
        row(f"control {number + 1}: half of the real frames", real.plain, real.encoded, *_halves(real, number))
    for spec, found in sets.items():
        positive = np.arange(len(found.plain) + len(real.plain)) < len(found.plain)
        groups = np.concatenate([real.groups.max() + 1 + found.groups, real.groups])
        plain, encoded = (np.concatenate(both) for both in ((found.plain, real.plain), (found.encoded, real.encoded)))
        row(spec, plain, encoded, positive, groups)
    return "\n".join(lines)


def _halves(real: Measured, seed: int) -> tuple[Flags, Numbers]:
    """Return half of the real frames (N,) bool, frames of the same steel in one of them, and their groups."""
    names = np.unique(real.groups)
    chosen = np.random.default_rng(seed).permutation(names)[: len(names) // 2]
    return np.isin(real.groups, chosen), real.groups


def giveaways(names: list[str], real: Floats, found: Floats) -> str:
    """Return the features that tell most, each alone and by its weight together with all others."""
    both = np.concatenate([found, real])
    positive = np.arange(len(both)) < len(found)
    weights = fit(both, positive).weights.reshape(2, -1)
    alone = np.array([max(area(column, positive), 1 - area(column, positive)) for column in both.T])
    wide = np.array([area(np.abs(column - np.median(column)) / (column.std() + 1e-9), positive) for column in both.T])
    order = np.argsort(-np.maximum(alone, np.maximum(wide, 1 - wide)))[:TOP]
    lines = ["| feature | real: 10, 50, 90 % | procedural | AUC alone | of its spread | weight, of square |"]
    lines.append("|---|---|---|---|---|---|")
    for at in order:
        shares = [np.percentile(values[:, at], (10, 50, 90)) for values in (real, found)]
        cells = [" ".join(f"{value:.2f}" for value in values) for values in shares]
        alone_cell, weight_cell = f"{alone[at]:.2f} | {wide[at]:.2f}", f"{weights[0, at]:+.2f}, {weights[1, at]:+.2f}"
        lines.append(f"| {names[at]} | {cells[0]} | {cells[1]} | {alone_cell} | {weight_cell} |")
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.realism", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add, usual = parser.add_argument, "(default: %(default)s)"
    add("real", type=Path, metavar="REAL_FOLDER", help=DATA_HELP)
    add("--only", metavar="CSV:COLUMN=VALUE", help=ONLY_HELP)
    add("--unlabelled", type=Path, metavar="FOLDER", help="more real frames, without labels")
    add("--masks", type=Path, metavar="CSV", help="true masks without frames: ImageId, ClassId, EncodedPixels; .gz too")
    add("--sheet", nargs="+", default=list(SHEETS), metavar="SPEC", help=f"procedural steel {usual}")
    add("--frames", type=count, default=300, metavar="N", help=f"frames of each set, at most {usual}")
    add("--recipe", default=ENCODER, help=f"whose encoder is asked {usual}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
