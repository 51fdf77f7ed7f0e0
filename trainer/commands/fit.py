"""`trainer fit`: train a network into a run's folder."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import get_args

from msgspec import convert
from rich.console import Console

from trainer.commands.arguments import (
    DATA_HELP,
    FOLD_HELP,
    ONLY_HELP,
    add_frames,
    amount,
    count,
    crop_size,
    decay,
    positive,
    share,
    whole,
    widths,
)
from trainer.errors import UserError
from trainer.presets import FEW_STARTED, PRESETS
from trainer.settings import DOWNSCALES, ENCODERS, MAY_CHANGE, Curve, Loss, Optimiser, Settings, Switch

NETWORK = ("encoder", "weights", "decoder")
"""Settings that --start stands for."""


def add_arguments(fit: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    fit.set_defaults(out=None, resume=False)
    fit.add_argument(
        "data", nargs="*", type=str, default=argparse.SUPPRESS, metavar="DATA", help=DATA_HELP + "; several are joined"
    )
    fit.add_argument("--out", type=Path, required=True, metavar="RUN", help="the run's folder")
    fit.add_argument("--resume", action="store_true", help="go on from RUN/last.pt, with its settings and data")
    add_network(fit)
    add_division(fit)
    fit.add_argument(
        "--folds",
        type=count,
        metavar="N",
        help="for few frames: learn from all, and teach N networks more, each on all but a part, to be measured there",
    )
    add_training(fit)


def add_network(fit: argparse.ArgumentParser) -> None:
    """Say which network learns."""
    fit.add_argument(
        "--encoder",
        choices=ENCODERS,
        default=argparse.SUPPRESS,
        help=f"(default: {Settings(data=()).encoder})",
    )
    fit.add_argument(
        "--decoder",
        type=widths,
        metavar="A,B,C,D",
        default=argparse.SUPPRESS,
        help="channels of the decoder's blocks, deepest first (default: 128,64,48,32)",
    )
    fit.add_argument(
        "--downscale",
        type=int,
        choices=DOWNSCALES,
        default=argparse.SUPPRESS,
        help="2: the network sees frames at half their size, at a quarter of the cost (default: that of --start, or 1)",
    )
    fit.add_argument(
        "--start",
        metavar="TAUGHT",
        default=argparse.SUPPRESS,
        help="go on teaching this network: RUN/best.pt, a recipe's folder, or the name of a shipped one, as steel-r34",
    )


def refuse_two_networks(settings: Mapping[str, object]) -> None:
    """Raise UserError where a network is both new and taught before."""
    if settings.get("start") and (own := [name for name in NETWORK if name in settings]):
        raise UserError(f"--{own[0]} stands next to --start, which keeps the network as it is. Leave one out.")


def add_division(fit: argparse.ArgumentParser) -> None:
    """Say which frames are measured on."""
    fit.argument_default = argparse.SUPPRESS
    fit.add_argument("--validate", nargs="+", metavar="DATA", help="measure on these; else on a fifth of DATA")
    fit.add_argument("--split", metavar="FILE", help="a split.csv that check or an earlier run wrote, to follow")
    fit.add_argument("--fold", metavar="K/N", help=FOLD_HELP)


def add_training(fit: argparse.ArgumentParser) -> None:
    """Say how a network is taught; an option that is not given is absent, so that a preset can say it."""
    usual = Settings(data=())
    fit.set_defaults(preset=None, crop=None)
    fit.argument_default = argparse.SUPPRESS
    fit.add_argument("--preset", choices=tuple(PRESETS), help="what is not given otherwise (default: best)")
    fit.add_argument(
        "--learn-from", type=count, metavar="N", help="frames of the training part to learn from: what more would bring"
    )
    fit.add_argument("--extra", nargs="+", metavar="DATA", help="learn from these too, never measure on them")
    fit.add_argument(
        "--extra-share",
        type=share,
        metavar="SHARE",
        help=f"of the crops cut from --extra (default: {usual.extra_share})",
    )
    fit.add_argument(
        "--teacher",
        metavar="TAUGHT",
        help="learn this network's probabilities too, as --start names one; alone where --extra has no labels",
    )
    fit.add_argument(
        "--teacher-share",
        type=share,
        metavar="SHARE",
        help=f"weight of its word against the labels' (default: {usual.teacher_share})",
    )
    fit.add_argument("--only", metavar="CSV:COLUMN=VALUE", help=ONLY_HELP)
    add_frames(fit)
    fit.add_argument(
        "--weights",
        metavar="FILE|imagenet",
        help="pre-trained encoder: a state dict's file, or imagenet (packages hold those of every efficientnet)",
    )
    fit.add_argument("--seed", type=whole, metavar="N", help=f"of split, network and crops (default: {usual.seed})")
    _add_budget(fit, usual)
    _add_recipe(fit)
    _add_machine(fit, usual)


def _add_budget(fit: argparse.ArgumentParser, usual: Settings) -> None:
    budget = fit.add_argument_group("how long")
    budget.add_argument(
        "--epochs",
        type=count,
        metavar="N",
        help="passes over the training frames (default: without --minutes 23, the paper's; with patience at most 100)",
    )
    budget.add_argument(
        "--minutes", type=positive, metavar="N", help="wall clock for the whole run; the learning rate follows it"
    )
    budget.add_argument(
        "--patience",
        type=whole,
        metavar="EPOCHS",
        help="end after N epochs without a lower validation loss; 0: never",
    )
    budget.add_argument("--epoch-crops", type=count, metavar="N", help="crops an epoch (default: one a training frame)")
    budget.add_argument(
        "--checkpoint-minutes",
        type=amount,
        metavar="N",
        help=f"most that a kill may lose (default: {usual.checkpoint_minutes:g})",
    )


def _add_recipe(fit: argparse.ArgumentParser) -> None:
    paper, best = ({**vars_of(Settings(data=())), **preset} for preset in (PRESETS["paper"], PRESETS["best"]))

    def usually(name: str) -> str:
        return f"(best: {best[name]}, paper: {paper[name]})"

    recipe = fit.add_argument_group("what leads from the paper's recipe to ours, each alone")
    recipe.add_argument(
        "--loss", choices=get_args(Loss), help=f"dice and lovasz add to cross_entropy {usually('loss')}"
    )
    recipe.add_argument("--optimiser", choices=get_args(Optimiser), help=usually("optimiser"))
    recipe.add_argument("--schedule", choices=get_args(Curve), help=f"of the learning rate {usually('schedule')}")
    recipe.add_argument(
        "--lr", type=positive, metavar="RATE", help=f"learning rate, the highest of one_cycle {usually('lr')}"
    )
    recipe.add_argument(
        "--encoder-lr", type=positive, metavar="LR", help="learning rate of the encoder (default: as the decoder's)"
    )
    recipe.add_argument(
        "--max-gradient",
        type=amount,
        metavar="NORM",
        help=f"cut a step's gradient to it; 0: no {usually('max_gradient')}",
    )
    recipe.add_argument(
        "--ema", type=decay, metavar="DECAY", help=f"of the average of weights that is kept; 0: none {usually('ema')}"
    )
    _add_crops(recipe, usually)


def _add_crops(recipe: argparse._ArgumentGroup, usually: Callable[[str], str]) -> None:
    """Say what is cut out of the frames."""
    recipe.add_argument("--crop", type=crop_size, metavar="HxW", help="crop, pixels (default: 256x512)")
    recipe.add_argument(
        "--full-frame-share",
        type=share,
        metavar="SHARE",
        help=f"last part of the run that learns from whole frames {usually('full_frame_share')}",
    )
    recipe.add_argument(
        "--defect-share",
        type=share,
        metavar="SHARE",
        help=f"of crops placed on a defect, rare classes first; 0: by chance {usually('defect_share')}",
    )
    recipe.add_argument(
        "--paste-share",
        type=share,
        metavar="SHARE",
        help="of crops that get another frame's defect pasted on (default: 0)",
    )
    recipe.add_argument(
        "--paste-shapes",
        metavar="CSV",
        help="true masks of other frames, as Severstal's train.csv: what --paste-share pastes fills one where it fits",
    )
    recipe.add_argument(
        "--scale-jitter",
        type=amount,
        metavar="S",
        help="stretch crops along and across by up to 1 + S, and shrink them where the frame has more (default: 0)",
    )
    recipe.add_argument(
        "--relight", action=argparse.BooleanOptionalAction, help=f"vary exposure and noise {usually('relight')}"
    )


def _add_machine(fit: argparse.ArgumentParser, usual: Settings) -> None:
    machine = fit.add_argument_group("what it runs on")
    machine.add_argument(
        "--batch",
        type=count,
        metavar="N",
        help=f"crops a step, divided among torchrun's processes (default: {usual.batch})",
    )
    machine.add_argument(
        "--precision", choices=("auto", "fp32", "bf16"), help="auto: bf16 where it is faster (paper: fp32)"
    )
    machine.add_argument("--compile", choices=get_args(Switch), help="torch.compile; auto: on a GPU")
    machine.add_argument(
        "--cache-gb",
        type=amount,
        metavar="GB",
        help="memory for decoded frames (default: half of what is free, up to 8 with a GPU, 2 without)",
    )
    machine.add_argument(
        "--workers", type=whole, metavar="N", help=f"processes that make crops (default: {usual.workers})"
    )


def vars_of(settings: Settings) -> dict[str, object]:
    """Return the settings by name."""
    return {field.name: getattr(settings, field.name) for field in fields(Settings)}


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    from trainer.learn.folded import fit_folded
    from trainer.learn.train import fit

    settings = asked(given)
    if given.resume:
        wanted = convert({**refuse_changes(settings, given.out), **settings}, Settings)
    else:
        if not settings.get("data"):
            raise UserError(f"no DATA; expected {DATA_HELP}")
        refuse_two_networks(settings)
        wanted = convert({**PRESETS["best"], **settings}, Settings)
    warn_of_data(wanted, console := Console())
    (fit_folded if wanted.folds else fit)(wanted, given.out, console, given.resume)
    return 0


def warn_of_data(settings: Settings, console: Console) -> None:
    """Print what `trainer check` warns of that needs no pixels, once for all networks that a command teaches.

    And what may make its figures too good, of a network that it begins with.
    """
    from trainer.data.check import remarks
    from trainer.learn.origin import doubts

    if os.environ.get("RANK", "0") != "0":  # of torchrun's processes the first talks
        return
    for data in ((*settings.data, *settings.validate), *((spec,) for spec in settings.extra)):
        for line in remarks(data, settings.only, window=settings.grey_window, size=settings.size):
            console.print(f"warning: {line}", soft_wrap=True, markup=False, highlight=False)
    for doubt in doubts(settings):
        console.print(doubt, soft_wrap=True, markup=False, highlight=False)


def asked(given: argparse.Namespace) -> dict[str, object]:
    """Return the settings that the command line names, by the preset too, where one is given."""
    settings = {field.name: getattr(given, field.name) for field in fields(Settings) if hasattr(given, field.name)}
    if given.crop:
        settings["crop_height_px"], settings["crop_width_px"] = given.crop
    preset = dict(PRESETS[given.preset] if given.preset else {})
    if settings.get("start"):  # it brings its own network
        preset = {name: value for name, value in preset.items() if name not in NETWORK}
        preset |= FEW_STARTED if given.preset == "few" else {}
    return {**preset, **settings}


def refuse_changes(settings: Mapping[str, object], folder: Path) -> dict[str, object]:
    """Return the settings of a run that goes on; raise UserError where it is asked for others that it must keep."""
    from trainer.learn import checkpoint

    has = vars_of(checkpoint.load(folder / "last.pt")[0].settings)
    for name, value in settings.items():
        own = has[name]
        same = list(own) == list(value) if isinstance(value, list) and isinstance(own, list | tuple) else own == value
        if name not in MAY_CHANGE and not same and not (name == "data" and not value):
            raise UserError(
                f"{folder}: its {name} is {own}, --resume was given {value}; a run keeps what it began with, but for "
                f"{', '.join('--' + key.replace('_', '-') for key in MAY_CHANGE)}. Leave it out, or begin another run "
                "with --start and --out."
            )
    return has
