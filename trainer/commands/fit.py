"""`trainer fit`: train a network into a run's folder."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from rich.console import Console

from trainer.commands.arguments import DATA_HELP, FOLD_HELP, ONLY_HELP, size
from trainer.settings import Settings


def add_arguments(fit: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    fit.add_argument("data", nargs="*", type=str, help=DATA_HELP + "; several are joined")
    fit.add_argument("--out", type=Path, required=True, metavar="RUN", help="the run's folder")
    fit.add_argument("--resume", action="store_true", help="go on from RUN/last.pt, with its settings and data")
    fit.add_argument("--encoder", choices=("resnet18", "resnet34", "resnet50"), default=Settings(data=()).encoder)
    fit.add_argument("--start", metavar="CHECKPOINT", help="go on teaching this network, as RUN/best.pt, on other data")
    add_training(fit)


def add_training(fit: argparse.ArgumentParser) -> None:
    """Say how a network is taught; `compare` takes the same."""
    usual = Settings(data=())
    fit.add_argument(
        "--validate", nargs="+", default=(), metavar="DATA", help="measure on these; else on a fifth of DATA"
    )
    fit.add_argument("--split", metavar="FILE", help="a split.csv that check or an earlier run wrote, to follow")
    fit.add_argument("--fold", metavar="K/N", help=FOLD_HELP)
    fit.add_argument("--only", metavar="CSV:COLUMN=VALUE", help=ONLY_HELP)
    fit.add_argument(
        "--weights", help="pre-trained encoder: a torchvision state dict, or imagenet where its host is reached"
    )
    fit.add_argument(
        "--epochs", type=int, help="passes over the training frames (default 23, the paper's, without --minutes)"
    )
    fit.add_argument("--minutes", type=float, help="wall clock for the whole run; the learning rate follows it")
    fit.add_argument("--epoch-crops", type=int, help="crops an epoch (default: one a training frame)")
    fit.add_argument("--batch", type=int, default=usual.batch, help="crops a step (default %(default)s)")
    fit.add_argument("--crop", type=size, default=(256, 512), metavar="HxW", help="crop, pixels (default 256x512)")
    fit.add_argument("--lr", type=float, default=usual.lr, help="highest learning rate (default %(default)s)")
    fit.add_argument("--defect-share", type=float, default=usual.defect_share, help="share of crops placed on a defect")
    fit.add_argument("--precision", choices=("auto", "fp32", "bf16"), default=usual.precision)
    fit.add_argument(
        "--workers", type=int, default=usual.workers, help="processes that make crops (default %(default)s)"
    )
    fit.add_argument(
        "--cache-gb",
        type=float,
        metavar="GB",
        help="memory for decoded frames (default: half of what is free, up to 8 with a GPU, 2 without)",
    )
    fit.add_argument("--seed", type=int, default=usual.seed)
    fit.add_argument("--checkpoint-minutes", type=float, default=usual.checkpoint_minutes)


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    from trainer.train import fit

    if not given.data and not given.resume:
        raise ValueError(f"no DATA; expected {DATA_HELP}")
    card = fit(asked(given), given.out, Console(), given.resume)
    print(f"{given.out}: best dice_micro_mean {card.best:.4f}; next: python -m trainer export {given.out} --out RECIPE")
    return 0


def asked(given: argparse.Namespace) -> Settings:
    """Return the settings that a command line asks for."""
    named = {field.name: getattr(given, field.name) for field in fields(Settings) if hasattr(given, field.name)}
    height_px, width_px = given.crop
    return Settings(**named, crop_height_px=height_px, crop_width_px=width_px)
