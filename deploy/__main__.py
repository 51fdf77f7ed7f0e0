"""The converter's commands: `deploy convert | verify | bundle | gpu-check`; exit codes as the inspector's."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

from deploy.folder import copy_recipe, find, held, make
from inspector import __version__, output
from inspector.engines.nvidia.manifest import ENGINE, LOG, MANIFEST, Flavour, Precision
from inspector.errors import EXIT_FAILURE, EXIT_INTERRUPTED, InspectorError
from inspector.recipe import SHIPPED

ENGINE_MAKERS = "`deploy convert` or `deploy verify`"
"""Of these, one at a time works in a recipe's folder."""
MAX_BATCH = 256
"""As `batch.max_frames` of a line."""


def convert(args: argparse.Namespace) -> int:
    """Build a recipe's engine."""
    from deploy.convert import convert

    only = None if args.flavour == "auto" else args.flavour
    folder = find(args.recipe)
    if args.out is not None:
        make(args.out, folder)
    source, folder = folder, args.out or folder
    with held(folder, ENGINE_MAKERS):
        if args.out is not None:
            copy_recipe(source, folder)
        place, made = convert(folder, args.precision, args.batches, print, _progress(), only=only, gpu=args.gpu)
    sizes = f"batches {made.batches[0]} to {made.batches[-1]}"
    targets = ", ".join(made.compute_capabilities)
    kind = f"{made.precision}{', Q/DQ folded away' if made.folded else ''}, {sizes}, for compute capability {targets}"
    print(
        f"{place / ENGINE}: {made.engine_bytes / 2**20:.1f} MiB, {kind}, "
        f"built in {made.build_seconds:.1f} s by {made.flavour} {made.version}\n"
        f"{MANIFEST} says what it is, {LOG} the builder's log. "
        + ("Verified." if made.verified else f"Not verified: run `deploy verify {shlex.quote(str(folder))}`.")
        + (f" Until then {folder / ENGINE} stays in force." if place != folder else "")
    )
    return 0


def verify(args: argparse.Namespace) -> int:
    """Prove a recipe's engine equal to its ONNX."""
    from deploy.verify import verify

    folder = find(args.recipe)
    with held(folder, ENGINE_MAKERS):
        good = verify(folder, args.frames, args.images, args.masks, print, progress=_progress(), gpu=args.gpu)
    return 0 if good else EXIT_FAILURE


def bundle(args: argparse.Namespace) -> int:
    """Pack an installation for a machine without a network."""
    from deploy.bundle import bundle

    extras = tuple(args.extra)
    bundle(find(args.recipe), args.out, python=args.python, target=args.platform, extras=extras, say=print)
    return 0


def gpu_check(args: argparse.Namespace) -> int:
    """Check a machine with a GPU, all of it, in under eight minutes."""
    from deploy.gpu_check.command import check

    return check(find(args.recipe), args.out, lambda words: print(words, flush=True))


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    top = argparse.ArgumentParser(prog="deploy", description="Makes engines of recipes, proves and packs them.")
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, function: Callable[[argparse.Namespace], int], words: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=words, description=words)
        command.set_defaults(function=function)
        command.add_argument("recipe", type=Path, metavar="RECIPE", help="recipe's folder, or name of a shipped one")
        return command

    building = add("convert", convert, "build a recipe's engine with TensorRT or TensorRT-RTX, next to the recipe")
    _add_engine(building)
    building.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="copy the recipe there and build its engine next to the copy, where RECIPE cannot be written to",
    )
    command = proving = add("verify", verify, "run a recipe's engine and its ONNX on the same frames, and compare")
    command.add_argument("--frames", type=int, metavar="N", help="how many (default: 62 procedural, or all images)")
    command.add_argument("--images", type=Path, metavar="FOLDER", help="compare on these (default: procedural steel)")
    command.add_argument(
        "--masks", type=Path, metavar="FOLDER", help="true defects: PNGs of the images' names, grey value = class id"
    )
    for command in (building, proving):
        command.add_argument("--gpu", type=gpu_number, default=0, metavar="N", help="number of the GPU (default: 0)")
    _add_bundle(add("bundle", bundle, "pack a recipe and the daemon for a machine without a network"))
    command = commands.add_parser(
        "gpu-check", help=(words := "check this machine's GPU, engines and daemon"), description=words
    )
    command.set_defaults(function=gpu_check)
    command.add_argument(
        "--recipe",
        type=Path,
        default=SHIPPED / "steel-r34",
        metavar="RECIPE",
        help="the recipe's folder (default: the shipped one)",
    )
    command.add_argument(
        "--out",
        type=Path,
        default=Path("deploy/results"),
        metavar="FOLDER",
        help="results' folder (default: %(default)s)",
    )
    return top


def _add_bundle(command: argparse.ArgumentParser) -> None:
    """Say what goes into an installation, and where it is written."""
    from deploy.bundle import this_platform, this_python

    command.add_argument("--python", default=this_python(), metavar="X.Y", help="Python there (default: %(default)s)")
    command.add_argument(
        "--platform",
        default=this_platform(),
        metavar="TAG",
        help="as wheels name it (default: %(default)s)",
    )
    command.add_argument(
        "--extra",
        action="append",
        default=[],
        metavar="NAME",
        help='extra to pack, like "rtx" to convert there; repeatable',
    )
    command.add_argument("--out", type=Path, required=True, metavar="FILE.tar[.gz]", help="file to write")


def _add_engine(command: argparse.ArgumentParser) -> None:
    """Say what engine may be asked for."""
    command.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="fp16",
        help="of the engine (default: %(default)s)",
    )
    command.add_argument(
        "--flavour",
        choices=("auto", *get_args(Flavour)),
        default="auto",
        help="which TensorRT builds it (default: the installed one)",
    )
    command.add_argument(
        "--batches",
        type=batch_sizes,
        default=(1, 2, 4, 8, 16),
        metavar="N,N,...",
        help="batch sizes that are proven and run; a batch in between runs in the next larger (default: 1,2,4,8,16)",
    )


def batch_sizes(text: str) -> tuple[int, ...]:
    """Read ascending batch sizes."""
    parts = text.split(",")
    sizes = tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else (0,)
    if list(sizes) != sorted(set(sizes)) or not 1 <= sizes[0] <= sizes[-1] <= MAX_BATCH:
        raise argparse.ArgumentTypeError(
            f"batch sizes are {text}; expected ascending ones of 1..{MAX_BATCH}, like 1,2,4,8,16"
        )
    return sizes


def gpu_number(text: str) -> int:
    """Read the number of a GPU."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"GPU is {text}; expected its number, 0 for the first")
    return int(text)


def _progress() -> Callable[[str], None]:
    """Show what is going on, on one line of a terminal; say nothing elsewhere, the builder's log has it."""
    if not sys.stderr.isatty():
        return lambda words: None
    return lambda words: print(f"\r\x1b[2K{words:.78}", end="", file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    return output.guarded(lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    args = parser().parse_args(argv)
    try:
        code: int = args.function(args)
    except InspectorError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        words = f'{error.name} is not installed; expected the extra "rtx", "rtx-run" or "gpu"'
        print(f"{words}. Run: pip install 'inline-steel-inspector[rtx]'", file=sys.stderr)
        return EXIT_FAILURE
    except OSError as error:
        if output.refusal():
            raise
        where = error.filename or getattr(args, "out", None) or args.recipe
        print(f"{where}: {error.strerror or error}. Mend that, and run it again.", file=sys.stderr)
        return EXIT_FAILURE
    except KeyboardInterrupt:
        print("stopped; what was there is as it was", file=sys.stderr)
        return EXIT_INTERRUPTED
    return code


if __name__ == "__main__":
    sys.exit(main())
