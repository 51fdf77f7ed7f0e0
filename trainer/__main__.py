"""The commands: `python -m trainer check`, `fit`, `export`, `tune`, `evaluate`.

Every error is one line on stderr; exit code 2 for a command line, data or file that cannot be used, 1 for a run that
went wrong (a loss that is no number) and for faults that `check` found, 130 for Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from inspector.errors import InspectorError
from trainer.checkpoint import Settings
from trainer.coil import Coil

DATA_HELP = (
    "a Severstal folder, a folder of images/ and masks/, a COCO .json, or sheet:SEEDS:FRAMES, as "
    "sheet:100-139:2000:defects=6"
)
ONLY_HELP = "Severstal: frames so marked, as manifest.csv:kind=full_masks"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    given = build_parser().parse_args(arguments)
    try:
        exit_code: int = given.run(given)
    except KeyboardInterrupt:
        print("interrupted; a run goes on with: fit --resume --out RUN", file=sys.stderr)
        return 130
    except (ValueError, OSError, InspectorError) as error:
        from trainer.train import Diverged

        print(f"trainer {given.command}: {error}", file=sys.stderr)
        return 1 if isinstance(error, Diverged) else 2
    return exit_code


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser("python -m trainer", description=sys.modules[__name__].__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    _check_parser(commands.add_parser("check", help="report on data, and all that stops training on it"))
    _fit_parser(commands.add_parser("fit", help="train a network into a run's folder"))
    _export_parser(commands.add_parser("export", help="write a run's best network as a recipe"))
    _tune_parser(commands.add_parser("tune", help="choose a recipe's thresholds and minimum areas on procedural coils"))
    _evaluate_parser(commands.add_parser("evaluate", help="measure a recipe, pixel by pixel, on the daemon's engine"))
    return parser


def _check_parser(check: argparse.ArgumentParser) -> None:
    check.set_defaults(run=_check)
    check.add_argument("data", nargs="+", help=DATA_HELP + "; several are joined")
    check.add_argument("--only", metavar="CSV:COLUMN=VALUE", help=ONLY_HELP)
    check.add_argument("--split", type=Path, metavar="FILE", help="judge this split.csv instead of making one")
    check.add_argument("--seed", type=int, default=Settings(data=()).seed, help="of the split (default %(default)s)")
    check.add_argument(
        "--out", type=Path, default=Path("check"), help="folder for split.csv and contact.png (default %(default)s)"
    )


def _check(given: argparse.Namespace) -> int:
    from trainer.check import Wanted, check
    from trainer.progress import count

    wanted = Wanted(given.data, given.only, given.split, given.seed, given.out)
    faults = check(wanted, print, count)
    for fault in faults:
        print(f"fault: {fault}", file=sys.stderr)
    print(f"{len(faults)} faults stop training on this data" if faults else "no faults")
    return 1 if faults else 0


def _fit_parser(fit: argparse.ArgumentParser) -> None:
    usual = Settings(data=())
    fit.set_defaults(run=_fit)
    fit.add_argument("data", nargs="*", type=str, help=DATA_HELP + "; several are joined")
    fit.add_argument("--out", type=Path, required=True, metavar="RUN", help="the run's folder")
    fit.add_argument("--resume", action="store_true", help="go on from RUN/last.pt, with its settings and data")
    fit.add_argument(
        "--validate", nargs="+", default=(), metavar="DATA", help="measure on these; else on a fifth of DATA"
    )
    fit.add_argument("--split", metavar="FILE", help="a split.csv that check or an earlier run wrote, to follow")
    fit.add_argument("--only", metavar="CSV:COLUMN=VALUE", help=ONLY_HELP)
    fit.add_argument("--encoder", choices=("resnet18", "resnet34", "resnet50"), default=usual.encoder)
    fit.add_argument(
        "--weights", help="pre-trained encoder: a torchvision state dict, or imagenet where its host is reached"
    )
    fit.add_argument("--start", metavar="CHECKPOINT", help="go on teaching this network, as RUN/best.pt, on other data")
    fit.add_argument(
        "--epochs", type=int, help="passes over the training frames (default 23, the paper's, without --minutes)"
    )
    fit.add_argument("--minutes", type=float, help="wall clock for the whole run; the learning rate follows it")
    fit.add_argument("--epoch-crops", type=int, help="crops an epoch (default: one a training frame)")
    fit.add_argument("--batch", type=int, default=usual.batch, help="crops a step (default %(default)s)")
    fit.add_argument("--crop", type=_size, default=(256, 512), metavar="HxW", help="crop, pixels (default 256x512)")
    fit.add_argument("--lr", type=float, default=usual.lr, help="highest learning rate (default %(default)s)")
    fit.add_argument("--defect-share", type=float, default=usual.defect_share, help="share of crops placed on a defect")
    fit.add_argument("--precision", choices=("auto", "fp32", "bf16"), default=usual.precision)
    fit.add_argument(
        "--workers", type=int, default=usual.workers, help="processes that make crops (default %(default)s)"
    )
    fit.add_argument("--seed", type=int, default=usual.seed)
    fit.add_argument("--checkpoint-minutes", type=float, default=usual.checkpoint_minutes)


def _fit(given: argparse.Namespace) -> int:
    from trainer.train import fit

    if not given.data and not given.resume:
        raise ValueError(f"no DATA; expected {DATA_HELP}")
    asked = {field.name: getattr(given, field.name) for field in fields(Settings) if hasattr(given, field.name)}
    height_px, width_px = given.crop
    settings = Settings(**asked, crop_height_px=height_px, crop_width_px=width_px)
    card = fit(settings, given.out, Console(), given.resume)
    print(f"{given.out}: best dice_micro_mean {card.best:.4f}; next: python -m trainer export {given.out} --out RECIPE")
    return 0


def _export_parser(export: argparse.ArgumentParser) -> None:
    export.set_defaults(run=_export)
    export.add_argument("source", type=Path, metavar="RUN", help="the run's folder")
    export.add_argument("--out", type=Path, required=True, metavar="RECIPE", help="the recipe's folder")
    export.add_argument("--name", help="the recipe's name (default: its folder's)")
    export.add_argument("--version", default="1", help="the recipe's version (default %(default)s)")
    export.add_argument("--precision", choices=("int8", "fp32"), default="int8", help="(default %(default)s)")
    export.add_argument("--trained-on", help="in words, what it was trained on (default: the run's data)")
    export.add_argument("--size", type=_size, metavar="HxW", help="frames on the line, pixels (default: the data's)")
    for option, metavar, meaning in (
        ("--threshold", "CLASS=P", "least probability of a pixel, as crack=0.4 (default 0.5)"),
        ("--min-area", "CLASS=MM2", "smallest defect, as crack=10 (default 20)"),
    ):
        export.add_argument(option, metavar=metavar, help=meaning, action="append", default=[], type=_named_number)
    export.add_argument("--calibration-frames", type=int, default=24, help="for int8 (default %(default)s)")
    export.add_argument(
        "--score-frames", type=int, default=200, help="validation frames measured (default %(default)s)"
    )


def _export(given: argparse.Namespace) -> int:
    from trainer.evaluate import table
    from trainer.export import Asked, choose_classes, export, load_network
    from trainer.samples import CLASS_NAMES

    settings = load_network(given.source)[1].settings
    asked = Asked(
        name=given.name or given.out.name,
        version=given.version,
        created=datetime.now(UTC).date().isoformat(),
        trained_on=given.trained_on or " ".join(settings.data),
        classes=choose_classes(CLASS_NAMES, dict(given.threshold), dict(given.min_area)),
        precision=given.precision,
        size_px=given.size,
        calibration_frames=given.calibration_frames,
        score_frames=given.score_frames,
    )
    recipe = export(given.source, given.out, asked)
    size_mib = (given.out / "model.onnx").stat().st_size / 2**20
    print(f"{given.out}: {recipe}, {recipe.precision}, {size_mib:.1f} MiB; on the validation frames:")
    scores = {name.removeprefix("validation_"): value for name, value in recipe.scores.items()}
    print(table({name: float(value) for name, value in scores.items()}, CLASS_NAMES))
    return 0


def _tune_parser(tune: argparse.ArgumentParser) -> None:
    tune.set_defaults(run=_tune)
    tune.add_argument("recipe", type=Path, metavar="RECIPE", help="the recipe's folder; its recipe.toml is rewritten")
    for option, meaning in (("--calibrate", "to choose on"), ("--test", "to measure on, never to choose on")):
        tune.add_argument(
            option, required=True, type=_coils, metavar="SEEDS:FRAMES", help=f"coils {meaning}, as 950-951:900"
        )
    tune.add_argument(
        "--max-false-per-100m", type=float, default=1.0, metavar="N", help="false defects allowed (default %(default)s)"
    )


def _tune(given: argparse.Namespace) -> int:
    from trainer.tune import tune

    card = tune(given.recipe, _made(given.calibrate), _made(given.test), given.max_false_per_100m, print)
    scores = {name.removeprefix("coil_"): value for name, value in card.scores.items() if name.startswith("coil_")}
    print(f"test: {scores['metres']} m never chosen on, {scores['planted']:.0f} defects planted")
    for name, value in scores.items():
        print(f"  {name:20} {value}")
    return 0


def _coils(text: str) -> tuple[range, int]:
    seeds, _, frames = text.partition(":")
    first, _, last = seeds.partition("-")
    if not (first.isdigit() and (last or first).isdigit() and frames.isdigit() and int(frames)):
        raise argparse.ArgumentTypeError(f"{text}: expected SEEDS:FRAMES, as 950-951:900")
    return range(int(first), int(last or first) + 1), int(frames)


def _made(coils: tuple[range, int]) -> list[Coil]:
    return [Coil(seed, coils[1]) for seed in coils[0]]


def _evaluate_parser(evaluate: argparse.ArgumentParser) -> None:
    evaluate.set_defaults(run=_evaluate)
    evaluate.add_argument("recipe", type=Path, metavar="RECIPE", help="the recipe's folder")
    evaluate.add_argument("data", nargs="+", help=DATA_HELP)
    evaluate.add_argument("--only", metavar="CSV:COLUMN=VALUE", help=ONLY_HELP)
    evaluate.add_argument("--json", action="store_true", help="one JSON object instead of a table")


def _evaluate(given: argparse.Namespace) -> int:
    from inspector import recipe
    from inspector.engines.openvino import OpenVino
    from trainer import data, evaluate

    card, model = recipe.load(given.recipe)
    frames = data.frames(given.data, given.only)
    evaluate.check_sizes(frames, card.height, card.width)
    scores = evaluate.pixel_scores(evaluate.judge(OpenVino(card, model), frames), len(card.classes))
    print(json.dumps(scores) if given.json else evaluate.table(scores, [kind.name for kind in card.classes]))
    return 0


def _named_number(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: expected CLASS=NUMBER, as crack=0.4") from None


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit() and int(height) and int(width)):
        raise argparse.ArgumentTypeError(f"{text}: expected HEIGHTxWIDTH in pixels, as 256x512")
    return int(height), int(width)


if __name__ == "__main__":
    sys.exit(main())
