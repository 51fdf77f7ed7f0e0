"""`inspector run | check | reload | replay | events | alarms | station | review | coils | defects | ...`, how they end.

0 = done, 1 = failed or refused (systemd restarts), 69 = no running inspector answered, 75 = try again later, 78 =
configuration (systemd does not restart), 130 = Ctrl-C where nothing drains. A reader that closes the pipe (`| head`)
ends a command with 0; a full disk behind standard output is a failure.
"""

from __future__ import annotations

import sys

# Before anything that takes time: a signal without a handler would end the process.
if sys.argv[1:2] in (["run"], ["replay"], ["bridge"]):
    from inspector import signals

    signals.hold()

import argparse
import importlib
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

from inspector import __version__, output
from inspector.errors import EXIT_FAILURE, EXIT_INTERRUPTED, InspectorError

Signals = Literal["own", "stop", "interrupt"]
"""Who sees to SIGTERM: the command itself; a flag that it is given, which asks it to end; or as Ctrl-C."""


class CommandEntry(NamedTuple):
    """A command: what it does, the module that has it, and its functions there."""

    does: str
    module: str
    add: str = "add_arguments"
    run: str = "run"
    signals: Signals = "own"
    instead: str = ""
    """What to write instead of a command that goes away; `--help` does not list it."""


COMMANDS = {
    # a line
    "run": CommandEntry(
        "inspect a line: frames in, defects, alarms and metrics out", "service.command", "add_config_arguments"
    ),
    "check": CommandEntry(
        "check a configuration file, and change nothing", "service.command", "add_config_arguments", "check"
    ),
    "reload": CommandEntry(
        "have a running inspector read its configuration again, and wait for its answer",
        "service.command",
        "add_reload_arguments",
        "reload",
    ),
    # what it reports, and what people order
    "events": CommandEntry("print events as they happen", "events.command"),
    "alarms": CommandEntry(
        "list, acknowledge, shelve and suppress a running inspector's alarms",
        "operate",
        "add_alarms_arguments",
        "run_alarms",
    ),
    "acknowledge": CommandEntry(
        "acknowledge an alarm over HTTP",
        "operate",
        "add_acknowledge_arguments",
        "run_acknowledge",
        instead="inspector alarms acknowledge NAME --operator YOU",
    ),
    "decide": CommandEntry(
        "journal a person's decision on a coil, with a running inspector",
        "operate",
        "add_decide_arguments",
        "run_decide",
    ),
    "roll": CommandEntry("report a roll change to a running inspector", "operate", "add_roll_arguments", "run_roll"),
    "relabel": CommandEntry(
        "label a defect in a running inspector's archive: which class it is, or sound",
        "operate",
        "add_relabel_arguments",
        "run_relabel",
    ),
    # what it has kept
    "coils": CommandEntry("list the coils that a journal holds", "inquiry.coils"),
    "defects": CommandEntry("list a coil's defects, all or those that filters leave", "inquiry.defects"),
    "report": CommandEntry("print a coil's record with its grades, and write its file", "inquiry.report"),
    "transform": CommandEntry(
        "make a coil's file that of the next process step: longer, reversed, turned over, cropped, welded",
        "inquiry.transform",
    ),
    "rejudge": CommandEntry(
        "show what grades and alarms past coils would have under another configuration", "inquiry.rejudge"
    ),
    "compare": CommandEntry("compare what `inspector replay --planted` planted with what was found", "inquiry.compare"),
    "review": CommandEntry("export an archive's crops and their labels as a data set", "archive.command"),
    "journal": CommandEntry("verify a journal, or export it as a file", "inquiry.journal"),
    # who else is connected
    "station": CommandEntry("show lines to people, in a browser", "station.command"),
    "bridge": CommandEntry("send events to a broker, and lose none", "bridges.command", signals="stop"),
    "keys": CommandEntry("make, list and revoke keys of cameras, subscribers and operators", "access.command"),
    # without a line
    "demo": CommandEntry("inspect simulated coils from end to end, and show it", "demo.play", signals="interrupt"),
    "replay": CommandEntry(
        "be a camera: procedural steel or images, with faults on request", "simulator.replay", signals="stop"
    ),
    "bench": CommandEntry(
        "measure this machine: engine, copies and the whole daemon, compared with its roof", "bench.command"
    ),
}


class Command(argparse.ArgumentParser):
    """Has its arguments added once it is asked for: `inspector events` loads neither engines nor the demo."""

    fill: Callable[[argparse.ArgumentParser], None] | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and refuse what is unknown here: argparse would do so with the usage of the whole program."""
        fill, self.fill = self.fill, None
        if fill is not None:
            fill(self)
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    top = argparse.ArgumentParser(prog="inspector", description="Inline steel inspector.")
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Command)
    for name, entry in COMMANDS.items():
        listed: dict[str, Any] = {} if entry.instead else {"help": entry.does}
        commands.add_parser(name, description=entry.does, **listed).fill = partial(_fill, name, entry)
    return top


def _fill(name: str, entry: CommandEntry, command: argparse.ArgumentParser) -> None:
    """Load a command's module, and have it declare its arguments."""
    if entry.instead:
        output.report(f"`inspector {name}` goes away: write `{entry.instead}`.")
    module = importlib.import_module(f"inspector.{entry.module}")
    getattr(module, entry.add)(command)
    command.set_defaults(function=_with_signals(getattr(module, entry.run), entry.signals))


def _with_signals(run: Callable[..., int], kind: Signals) -> Callable[[argparse.Namespace], int]:
    """Return what carries a command out, with its way to end."""
    if kind == "own":
        return run
    import signal

    from inspector import signals

    def until_stopped(args: argparse.Namespace) -> int:
        with signals.received(stop := signals.Flag()):
            return run(args, stop)

    def until_interrupted(args: argparse.Namespace) -> int:
        with signals.ending(signal.default_int_handler):
            return run(args)

    return until_stopped if kind == "stop" else until_interrupted


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    return output.guarded(lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    args = parser().parse_args(argv)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )
    try:
        code: int = args.function(args)
    except InspectorError as error:
        output.report(error)
        return error.exit_code
    except OSError as error:
        if error.filename is None or args.command == "run" or output.refusal():  # of the daemon the log says where
            raise
        output.report(f"{error.filename}: {error.strerror}. Mend that, and run it again.")
        return EXIT_FAILURE
    except KeyboardInterrupt:  # of commands that do not drain
        return EXIT_INTERRUPTED
    return code


if __name__ == "__main__":
    sys.exit(main())
