"""The commands: `python -m trainer fit`, `export`, `evaluate`.

Every error is one line on stderr; exit code 2 for a command line, data or file that cannot be used, 1 for a run that
went wrong (a loss that is no number), 130 for Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from trainer import checkpoint
from trainer.checkpoint import Settings

DATA_HELP = "a Severstal folder, a folder of images/ and masks/, or sheet:SEEDS:FRAMES, as sheet:100-139:2000:defects=6"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code."""
    given = build_parser().parse_args(arguments)
    try:
        exit_code: int = given.run(given)
    except KeyboardInterrupt:
        print("interrupted; a run goes on with: fit --resume --out RUN", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        from trainer.train import Diverged

        print(f"trainer {given.command}: {error}", file=sys.stderr)
        return 1 if isinstance(error, Diverged) else 2
    return exit_code


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser("python -m trainer", description=sys.modules[__name__].__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    _fit_parser(commands.add_parser("fit", help="train a network into a run's folder"))
    return parser


def _fit_parser(fit: argparse.ArgumentParser) -> None:
    usual = Settings(data=())
    fit.set_defaults(run=_fit)
    fit.add_argument("data", nargs="*", help=DATA_HELP + "; several are joined")
    fit.add_argument("--out", type=Path, required=True, metavar="RUN", help="the run's folder")
    fit.add_argument("--resume", action="store_true", help="go on from RUN/last.pt, with its settings and data")
    fit.add_argument("--validate", nargs="+", default=(), metavar="DATA", help="measure on these; else on a fifth of DATA")
    fit.add_argument("--only", metavar="CSV:COLUMN=VALUE", help="Severstal: frames so marked, as manifest.csv:kind=full_masks")
    fit.add_argument("--encoder", choices=("resnet18", "resnet34", "resnet50"), default=usual.encoder)
    fit.add_argument("--weights", help="pre-trained encoder: a torchvision state dict, or imagenet where its host is reached")
    fit.add_argument("--epochs", type=int, help="passes over the training frames (default 23, the paper's, without --minutes)")
    fit.add_argument("--minutes", type=float, help="wall clock for the whole run; the learning rate follows it")
    fit.add_argument("--epoch-crops", type=int, help="crops an epoch (default: one a training frame)")
    fit.add_argument("--batch", type=int, default=usual.batch, help="crops a step (default %(default)s)")
    fit.add_argument("--crop", type=_size, default=(256, 512), metavar="HxW", help="crop, pixels (default 256x512)")
    fit.add_argument("--lr", type=float, default=usual.lr, help="highest learning rate (default %(default)s)")
    fit.add_argument("--defect-share", type=float, default=usual.defect_share, help="share of crops placed on a defect")
    fit.add_argument("--precision", choices=("auto", "fp32", "bf16"), default=usual.precision)
    fit.add_argument("--workers", type=int, default=usual.workers, help="processes that make crops (default %(default)s)")
    fit.add_argument("--seed", type=int, default=usual.seed)
    fit.add_argument("--checkpoint-minutes", type=float, default=usual.checkpoint_minutes)


def _fit(given: argparse.Namespace) -> int:
    from trainer.train import fit

    if not given.data and not given.resume:
        raise ValueError(f"no DATA; expected {DATA_HELP}")
    settings = Settings(
        data=tuple(given.data),
        validate=tuple(given.validate),
        crop_height_px=given.crop[0],
        crop_width_px=given.crop[1],
        **{
            name: getattr(given, name)
            for name in (
                "only encoder weights epochs minutes epoch_crops batch lr defect_share precision workers seed "
                "checkpoint_minutes"
            ).split()
        },
    )
    card = fit(settings, given.out, Console(), given.resume)
    print(f"{given.out}: best dice_micro_mean {card.best:.4f}; next: python -m trainer export {given.out} --out RECIPE")
    return 0


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit() and int(height) and int(width)):
        raise argparse.ArgumentTypeError(f"{text}: expected HEIGHTxWIDTH in pixels, as 256x512")
    return int(height), int(width)


if __name__ == "__main__":
    sys.exit(main())
