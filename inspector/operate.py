"""`inspector alarms`, `decide`, `roll`, `relabel`, `acknowledge`: what people order, and the answer in words.

Knows: the command line of commands, and how answers are shown. Must not know: what a command does.
"""

from __future__ import annotations

import argparse
import http.client
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import msgspec

from inspector import arguments
from inspector.access.token import read_token
from inspector.commands import ADDRESS, TIMEOUT_S, ask
from inspector.errors import InspectorError
from inspector.records import commands
from inspector.records.coil import VERDICTS
from inspector.records.commands import AlarmStatus, Answer, Command
from inspector.refusal import explained
from inspector.service.line import commands_address, load

ALARM_COMMANDS: dict[str, tuple[type[commands.AlarmOrder], str]] = {
    "acknowledge": (commands.Acknowledge, "report that an operator has seen the alarm"),
    "reset": (commands.Reset, "release a latched alarm whose condition is gone"),
    "shelve": (commands.Shelve, "put an alarm aside for a while"),
    "unshelve": (commands.Unshelve, "take an alarm back before its time"),
    "suppress": (commands.Suppress, "suppress an alarm by design, until unsuppress"),
    "unsuppress": (commands.Unsuppress, "end an alarm's suppression by design"),
    "out-of-service": (commands.TakeOut, "take an alarm out of service for maintenance"),
    "in-service": (commands.PutBack, "put an alarm back into service"),
}
CALLED = {
    "alarm": "NAME",
    "coil": "COIL",
    "defect": "DEFECT",
    "roll": "ROLL",
    "label": "--class",
    "minutes": "--minutes",
    "operator": "--operator",
    "reason": "--reason",
}
"""Fields of commands, as the command line calls them."""
COLUMNS = ("alarm", "state", "priority", "condition", "value", "limit", "since (UTC)", "until (UTC)", "by", "message")


def add_alarms_arguments(command: argparse.ArgumentParser) -> None:
    """Build `inspector alarms`."""
    steps = command.add_subparsers(required=True, metavar="COMMAND", dest="step")
    listing = steps.add_parser(
        "list", help="show every alarm and its state", description="Show every alarm and its state."
    )
    listing.add_argument("--json", action="store_true", help="one JSON object")
    _add_address(listing)
    for name, (_, words) in ALARM_COMMANDS.items():
        step = steps.add_parser(name, help=words, description=words)
        step.add_argument("alarm", metavar="NAME", help="the alarm's name")
        if name == "shelve":
            most = f"for how long, at most {commands.MOST_MINUTES} (a week)"
            step.add_argument("--minutes", type=float, required=True, metavar="N", help=most)
        _add_person(step)
        _add_address(step)


def add_roll_arguments(command: argparse.ArgumentParser) -> None:
    """Build `inspector roll`."""
    steps = command.add_subparsers(required=True, metavar="COMMAND", dest="step")
    words = "a roll was changed: what it printed ends"
    step = steps.add_parser("changed", help=words, description=words)
    step.add_argument(
        "roll", nargs="?", metavar="ROLL", help="the roll, as named in the configuration (default: all rolls)"
    )
    _add_person(step)
    _add_address(step)


def add_decide_arguments(command: argparse.ArgumentParser) -> None:
    """Build `inspector decide`."""
    command.add_argument("coil", metavar="COIL", help="the coil's name")
    command.add_argument("grade", choices=VERDICTS, help="what becomes of it")
    _add_person(command, why_needed=True)
    _add_address(command)


def add_relabel_arguments(command: argparse.ArgumentParser) -> None:
    """Build `inspector relabel`."""
    command.add_argument("coil", metavar="COIL", help="the coil")
    command.add_argument("defect", metavar="DEFECT", help="the defect's id, as in its events")
    command.add_argument(
        "--class",
        dest="label",
        required=True,
        metavar="N|sound",
        help="what it is: a class by name or number, or sound; '' takes its label back",
    )
    _add_person(command)
    _add_address(command)


def add_acknowledge_arguments(command: argparse.ArgumentParser) -> None:
    """Build `inspector acknowledge`."""
    command.add_argument("alarm", metavar="NAME", help="the alarm's name")
    command.add_argument("--operator", default="", metavar="NAME", help="who asks; it is journalled")
    command.add_argument(
        "--http", default="127.0.0.1:9477", metavar="HOST:PORT", help="http.bind (default: %(default)s)"
    )
    command.add_argument("--token-file", type=Path, metavar="FILE", help="holds the token, as http.token_file")


def run_decide(args: argparse.Namespace) -> int:
    """Run `inspector decide`; 1 when it was refused, 69 when no answer came."""
    args.step = "decide"
    return _command(args, commands.Decide, {"coil": args.coil, "grade": args.grade, **_person(args)})


def run_relabel(args: argparse.Namespace) -> int:
    """Run `inspector relabel`; 1 when it was refused, 69 when no answer came."""
    args.step = "relabel"
    facts: dict[str, object] = {"coil": args.coil, "defect": args.defect, "label": args.label}
    return _command(args, commands.Relabel, {**facts, **_person(args)})


def run_alarms(args: argparse.Namespace) -> int:
    """Run `inspector alarms`; 1 when it was refused, 69 when no answer came."""
    if args.step == "list":
        answer = ask(_asked(args), commands.ListAlarms(), args.timeout, key=args.key)
        _print_list(answer, as_json=args.json)
        return 0
    kind, _ = ALARM_COMMANDS[args.step]
    facts = {"alarm": args.alarm, **_person(args)}
    if args.step == "shelve":
        facts["minutes"] = args.minutes
    return _command(args, kind, facts)


def run_roll(args: argparse.Namespace) -> int:
    """Run `inspector roll`; 1 when it was refused, 69 when no answer came."""
    return _command(args, commands.RollsChanged, {"roll": args.roll, **_person(args)})


def run_acknowledge(args: argparse.Namespace) -> int:
    """Pass an operator's acknowledgement on to a running inspector."""
    url = f"http://{args.http}/acknowledge/{urllib.parse.quote(os.fsencode(args.alarm), safe='')}"
    if args.operator:
        url += "?" + urllib.parse.urlencode({"operator": args.operator})
    headers = {"Authorization": f"Bearer {read_token(args.token_file)}"} if args.token_file else {}
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy is to see the token
    try:
        with direct.open(urllib.request.Request(url, headers=headers, method="POST"), timeout=5) as answer:
            print(answer.read().decode().strip())
    except urllib.error.HTTPError as error:
        with error:
            raise InspectorError(f"{url}: {error.read().decode().strip()}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise InspectorError(f"{url}: {error}. Is the inspector running, and is this its http.bind?") from error
    return 0


def _command(args: argparse.Namespace, kind: type[commands.Order], facts: dict[str, object]) -> int:
    try:
        command: Command = msgspec.convert({"command": str(kind.__struct_config__.tag), **facts}, Command)
    except msgspec.ValidationError as error:
        raise InspectorError(f"{args.step}: {explained(error, facts, CALLED)}. Correct it.") from error
    answer = ask(_asked(args), command, args.timeout, key=args.key)
    if not answer.is_done:
        raise InspectorError(f"line {answer.line}: refused: {answer.message}")
    print(f"line {answer.line}: {answer.message}")
    for status in answer.alarms:
        print(f"{status.name} is {status.isa_state.replace('_', ' ')}")
    return 0


def _print_list(answer: Answer, *, as_json: bool) -> None:
    if not answer.is_done:
        raise InspectorError(f"line {answer.line}: refused: {answer.message}")
    if as_json:
        sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
        return
    print(f"line {answer.line}: {answer.message}")
    if answer.alarms:
        for row in _aligned([COLUMNS, *(_row(status) for status in answer.alarms)]):
            print(row)


def _row(status: AlarmStatus) -> tuple[str, ...]:
    reason = f" ({status.reason})" if status.reason else ""
    return (
        status.name,
        status.isa_state.replace("_", " "),
        status.priority,
        "met" if status.is_met else "not met",
        f"{status.value:g}",
        f"{status.limit:g}",
        _time(status.since),
        _time(status.until),
        status.operator + reason,
        f"{status.message}" + (f"; coil {status.coil}" if status.coil else ""),
    )


def _time(text: str) -> str:
    return text[:19].replace("T", " ")


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _asked(args: argparse.Namespace) -> str:
    """The address of the line that is asked."""
    if args.config is None:
        return str(args.connect)
    return commands_address(load(args.config))


def _person(args: argparse.Namespace) -> dict[str, object]:
    return {"operator": args.operator, "reason": args.reason}


def _add_person(command: argparse.ArgumentParser, *, why_needed: bool = False) -> None:
    command.add_argument("--operator", required=True, metavar="NAME", help="who asks; it is journalled")
    words = "why; it is journalled"
    command.add_argument("--reason", default="", required=why_needed, metavar="WORDS", help=words)


def _add_address(command: argparse.ArgumentParser) -> None:
    where = command.add_mutually_exclusive_group()
    where.add_argument("--connect", default=ADDRESS, metavar="ADDRESS", help="commands.bind (default: %(default)s)")
    where.add_argument(
        "--config", metavar="FILE", type=Path, help="the line's TOML file, whose commands.bind is taken instead"
    )
    command.add_argument("--key", type=Path, metavar="FILE", help="an operator's key, where the inspector asks for one")
    command.add_argument(
        "--timeout",
        type=arguments.seconds,
        default=TIMEOUT_S,
        metavar="S",
        help="give up when no answer came for S seconds (default: %(default)g)",
    )
