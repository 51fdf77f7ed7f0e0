"""The converter's commands: `deploy convert RECIPE`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from inspector.errors import InspectorError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    top = argparse.ArgumentParser(prog="deploy", description="Converts recipes to engines.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    words = "build the engine of a recipe with TensorRT or TensorRT-RTX, beside the recipe"
    command = commands.add_parser("convert", help=words, description=words)
    command.add_argument("recipe", type=Path, help="the recipe's folder")
    command.add_argument("--precision", choices=("int8", "fp32"), default="int8", help="(default: %(default)s)")
    command.add_argument("--max-frames", type=int, default=8, metavar="N", help="largest batch (default: %(default)s)")
    args = top.parse_args(argv)
    try:
        from deploy.convert import MANIFEST, convert

        engine = convert(args.recipe, args.precision, args.max_frames)
    except InspectorError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"{engine}: {engine.stat().st_size / 2**20:.1f} MiB; {(engine.parent / MANIFEST).name} says what it is")
    return 0


if __name__ == "__main__":
    sys.exit(main())
