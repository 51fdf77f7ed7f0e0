"""The commands: `python -m trainer check`, `fit`, `export`, `tune`, `evaluate`.

Every error is one line on stderr; exit code 2 for a command line, data or file that cannot be used, 1 for a run that
went wrong (a loss that is no number) and for faults that `check` and `tune` found, 130 for Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from inspector.errors import InspectorError
from trainer.commands import check, evaluate, export, fit, tune

COMMANDS = {
    "check": (check, "report on data, and all that stops training on it"),
    "fit": (fit, "train a network into a run's folder"),
    "export": (export, "write a run's best network as a recipe"),
    "tune": (tune, "choose a recipe's confidences and minimum areas for what you wish"),
    "evaluate": (evaluate, "report on a recipe, for acceptance, by the daemon's engine"),
}


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
    for name, (command, meaning) in COMMANDS.items():
        one = commands.add_parser(name, help=meaning)
        one.set_defaults(run=command.run)
        command.add_arguments(one)
    return parser


if __name__ == "__main__":
    sys.exit(main())
