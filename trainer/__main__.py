"""From labelled frames to a recipe: `check` the data, `fit` a network, `export` and `tune` its recipe, `evaluate` it.

Every error is one line on stderr; exit code 2 for a command line, data or file that cannot be used, 1 for a run that
went wrong (a loss that is no number, no memory, no room on disk) and for faults that `check` and `tune` found, 130 for
Ctrl-C and 143 for SIGTERM.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from inspector.errors import InspectorError
from trainer.commands import check, compare, crossval, evaluate, export, fit, show, tune
from trainer.faults import RunError
from trainer.learn.stop import Stopped

COMMANDS = {
    "check": (check, "report on data, and all that stops training on it"),
    "fit": (fit, "train a network into a run's folder"),
    "compare": (compare, "train three encoders alike: the paper's Table 1 beside ours"),
    "crossval": (crossval, "measure on every frame once, by networks that never saw it, with intervals"),
    "export": (export, "write a run's best network as a recipe"),
    "tune": (tune, "choose a recipe's confidences and minimum areas for what you wish"),
    "evaluate": (evaluate, "report on a recipe, for acceptance, by the daemon's engine"),
    "show": (show, "draw image, truth, prediction and errors of frames as a recipe sees them"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    given = build_parser().parse_args(arguments)
    try:
        exit_code: int = given.run(given)
    except KeyboardInterrupt:
        goes_on = "; what last.pt holds goes on with: fit --resume --out RUN" if given.command == "fit" else ""
        print(f"trainer {given.command}: interrupted{goes_on}", file=sys.stderr)
        return 130
    except Stopped as stopped:
        print(f"trainer {given.command}: {stopped}", file=sys.stderr)
        return stopped.exit_code
    except (ValueError, OSError, InspectorError) as error:
        print(f"trainer {given.command}: {error}", file=sys.stderr)
        return 1 if isinstance(error, RunError) else 2
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
