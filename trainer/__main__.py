"""From labelled frames to a recipe: `check` the data, `fit` a network, `export` and `tune` its recipe, `evaluate` it.

Every error is one line on stderr; exit code 2 for a command line, data or file that cannot be used, 1 for a run that
went wrong (a loss that is no number, no memory, no room on disk) and for faults that `check` and `tune` found, 130 for
Ctrl-C and 143 for SIGTERM. A full disk behind standard output is a failure, 1; help that is not read is none.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import sys
from collections.abc import Sequence

from inspector import __version__, output
from inspector.errors import EXIT_FAILURE, EXIT_INTERRUPTED, InspectorError
from trainer.errors import UserError
from trainer.learn.stop import RunStopped

COMMANDS = {
    "check": "report on data, and all that stops training on it",
    "fit": "train a network into a run's folder",
    "compare": "train three encoders alike: the paper's Table 1 compared with ours",
    "crossval": "measure on every frame once, by networks that never saw it, with intervals",
    "export": "write a run's best network as a recipe",
    "tune": "choose the settings of a recipe's classes for what you aim at",
    "specify": "have a recipe measure how far a frame is from those it was taught on",
    "recode": "write an older recipe's confidence as log-odds, which do not end at 1",
    "tune-certainty": "have a recipe tell a defect's probability from its pixels and its size",
    "fit-screen": "teach a fast recipe that looks first, and write it",
    "tune-screen": "choose when a fast recipe may hold frames back, and measure what that loses",
    "evaluate": "report on a recipe, for acceptance, by the daemon's engine",
    "show": "draw image, truth, prediction and errors of frames as a recipe sees them",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    return output.guarded(lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    try:
        return _run(parser().parse_args(arguments))
    except ModuleNotFoundError as error:
        words = f"{error.name} is not installed; expected the trainer's packages"
        output.report(f"trainer: {words}. Run: pip install 'inline-steel-inspector[train]'")
        return EXIT_FAILURE


def _run(given: argparse.Namespace) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):  # a test may have put something else there
        sys.stdout.reconfigure(line_buffering=True)  # who follows an hour's log sees each line as it is printed
    try:
        exit_code: int = given.run(given)
        if (refused := output.refusal()) and refused.errno == errno.EPIPE:
            raise refused
    except KeyboardInterrupt:
        goes_on = "; what last.pt holds goes on with: fit --resume --out RUN" if given.command == "fit" else ""
        return _end(given, f"interrupted{goes_on}", EXIT_INTERRUPTED)
    except RunStopped as stopped:
        return _end(given, str(stopped), stopped.exit_code)
    except BrokenPipeError:
        return _end(given, "nobody reads its output any more; what was under way was left", EXIT_FAILURE)
    except OSError as error:
        if output.refusal():
            raise
        words = f"{error.filename or 'a file'}: {error.strerror or error}. Mend that, and run it again."
        return _end(given, words, UserError.exit_code)
    except InspectorError as error:
        return _end(given, str(error), error.exit_code if isinstance(error, UserError) else UserError.exit_code)
    return exit_code


def _end(given: argparse.Namespace, words: str, exit_code: int) -> int:
    """Say on stderr why a command ended, and return its exit code."""
    output.report(f"trainer {given.command}: {words}")
    return exit_code


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser("trainer", description=sys.modules[__name__].__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, meaning in COMMANDS.items():
        command = importlib.import_module(f"trainer.commands.{name.replace('-', '_')}")
        subparser = commands.add_parser(name, help=meaning, description=meaning)
        subparser.set_defaults(run=command.run)
        command.add_arguments(subparser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
