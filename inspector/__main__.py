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
import faulthandler
import gc
import importlib
import io
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from inspector import __version__, output
from inspector.arguments import at_least_0, process_id, seconds, since
from inspector.errors import EXIT_FAILURE, EXIT_INTERRUPTED, InspectorError

Run = Callable[[argparse.Namespace], int]
"""What carries a command out."""
Fill = Callable[[argparse.ArgumentParser], object]
"""What adds a command's arguments."""


def _settle() -> None:
    """Take what was loaded out of Python's search for garbage, which held up all threads for 20 to 30 ms each time."""
    gc.collect()
    gc.freeze()


def run(args: argparse.Namespace) -> int:
    """Run the daemon until it is asked to stop."""
    from inspector import signals
    from inspector.service.daemon import Daemon
    from inspector.service.reload_answer import ReloadAnswers
    from inspector.service.systemd import Notifier

    faulthandler.enable()  # systemd's watchdog ends what hangs with SIGABRT: the log says where each thread was
    answers = ReloadAnswers.from_environment(os.environ, os.getpid())
    stop, hangup = signals.Flag(), signals.Flag()
    with (
        closing(Notifier.from_environment(os.environ, os.getpid())) as notifier,
        signals.received(stop, hangup),
    ):
        daemon = Daemon(
            args.config,
            notifier,
            answers,
            stop=stop,
            hangup=hangup,
            unverified=args.unverified,
            credentials=_credentials(),
            settle=_settle,
        )
        try:
            daemon.run()
        except InspectorError as error:
            if daemon.is_stuck:  # Python would wait for the thread that hangs, or abort
                output.report(error)
                os._exit(error.exit_code)
            raise
        if daemon.is_stuck:
            os._exit(EXIT_FAILURE)
    return 0


def _credentials() -> Path | None:
    """The service manager's folder of secrets, where it made one."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) if folder else None


def reload(args: argparse.Namespace) -> int:
    """Have a running inspector read its configuration again, and wait for what becomes of it."""
    from inspector.service.reload_answer import ask, runtime_folder

    answer = ask(args.pid, runtime_folder(os.environ))
    if answer.exit_code:
        output.report(answer.message)
    else:
        print(f"reloaded: {answer.message}")
    return answer.exit_code


def check(args: argparse.Namespace) -> int:
    """Read a configuration, and everything it refers to, as `run` would."""
    from inspector import recipe
    from inspector.service.prepare import check_disks, check_engine, prepare, read_secrets, remarks
    from inspector.words import counted

    settings, folder = prepare(args.config)
    read_secrets(args.config, settings, _credentials())
    disk_remarks = check_disks(settings)
    engine_remarks = check_engine(settings, folder, unverified=args.unverified)
    cameras = ", ".join(camera.name for camera in settings.camera)
    alarms = counted(len(settings.alarm), "alarm")
    print(f"{args.config}: good. Line {settings.line}, cameras {cameras}, recipe {folder.name}, {alarms}")
    for remark in engine_remarks:
        print(f"engine: {remark}")
    for remark in (*remarks(settings, recipe.read_card(folder)), *disk_remarks):
        print(remark)
    return 0


def events(args: argparse.Namespace) -> int:
    """Print events as they happen; SIGTERM is a way to end, as Ctrl-C is."""
    import signal

    from inspector.events.follow import print_events

    if sys.stdout is None:
        raise InspectorError("standard output is closed; expected somewhere to print events to.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return print_events(
        args.connect,
        args.replay,
        args.topic or [""],
        as_json=args.json,
        since=args.since,
        cursor=args.cursor,
        count=args.count,
        timeout_s=args.timeout,
        key=args.key,
        environ=os.environ,
        out=sys.stdout,
        err=sys.stderr or io.StringIO(),
    )


def replay(args: argparse.Namespace) -> int:
    """Be a camera, until the coils are sent or a signal asks for the end."""
    from inspector import signals
    from inspector.simulator.replay import run

    with signals.received(stop := signals.Flag()):
        return run(args, stop)


def bridge(args: argparse.Namespace) -> int:
    """Pass events on to a broker, until a signal asks for the end."""
    from inspector import signals
    from inspector.bridges.command import run

    with signals.received(stop := signals.Flag()):
        return run(args, stop)


def demo(args: argparse.Namespace) -> int:
    """Inspect a simulated coil; SIGTERM and a closed terminal end it as Ctrl-C does, and the processes that it runs."""
    import signal

    from inspector import signals
    from inspector.demo.play import run

    with signals.ending(signal.default_int_handler):
        return run(args)


def acknowledge(args: argparse.Namespace) -> int:
    """Pass an operator's acknowledgement on to a running inspector."""
    import http.client
    import urllib.error
    import urllib.parse
    import urllib.request

    from inspector.access.token import read_token

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


class Command(argparse.ArgumentParser):
    """Has its arguments added once it is asked for: `inspector events` loads neither engines nor the demo."""

    fill: Fill | None = None

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
    commands = top.add_subparsers(required=True, metavar="COMMAND", parser_class=Command)
    for name, words, fill in (*_ours(), *_orders(), *_modules()):
        command = commands.add_parser(name, help=words, description=words)
        command.fill = fill
    return top


def _ours() -> Iterator[tuple[str, str, Fill]]:
    """Yield the commands of this file: name, what it does, what adds its arguments."""
    for name, function, add, words in (
        ("run", run, _add_config_arguments, "inspect a line: frames in, defects, alarms and metrics out"),
        ("check", check, _add_config_arguments, "check a configuration file, and change nothing"),
        (
            "reload",
            reload,
            _add_reload_arguments,
            "have a running inspector read its configuration again, and wait for its answer",
        ),
        ("events", events, _add_events_arguments, "print events as they happen"),
        (
            "acknowledge",
            acknowledge,
            _add_acknowledge_arguments,
            "acknowledge an alarm over HTTP; see `alarms acknowledge`",
        ),
    ):
        yield name, words, partial(_fill, add, function)


def _orders() -> Iterator[tuple[str, str, Fill]]:
    """Yield what people ask of a running inspector."""
    for name, words in (
        ("alarms", "list, acknowledge, shelve, suppress alarms"),
        ("decide", "journal a person's decision on a coil"),
        ("roll", "report a roll change"),
        ("relabel", "say what a defect of the archive is"),
    ):
        yield name, f"{words}, to a running inspector", partial(_fill_order, name)


def _modules() -> Iterator[tuple[str, str, Fill]]:
    """Yield the commands that are modules: they declare their options, and most run themselves."""
    for name, module, function, words in (
        ("bridge", "bridges.command", bridge, "send events to a broker, and lose none"),
        ("replay", "simulator.replay", replay, "be a camera: procedural steel or images, with faults on request"),
        (
            "bench",
            "bench.command",
            None,
            "measure this machine: engine, copies and the whole daemon, compared with its roof",
        ),
        ("keys", "access.command", None, "make, list and revoke keys of cameras, subscribers and operators"),
        ("journal", "inquiry.journal", None, "verify a journal, or export it as a file"),
        ("station", "station.command", None, "show lines to people, in a browser"),
        ("review", "archive.command", None, "export an archive's crops as a data set, with what people say of them"),
        ("coils", "inquiry.coils", None, "list the coils that a journal holds"),
        ("defects", "inquiry.defects", None, "list a coil's defects, those that are asked for"),
        ("compare", "inquiry.compare", None, "show what became of what `inspector replay --planted` planted"),
        (
            "rejudge",
            "inquiry.rejudge",
            None,
            "show what grades and alarms past coils would have under another configuration",
        ),
        (
            "transform",
            "inquiry.transform",
            None,
            "carry a coil's file on to the next machine: longer, reversed, turned over, cropped",
        ),
        ("report", "inquiry.report", None, "print a coil's record with its grades, and write its file"),
        ("demo", "demo.play", demo, "inspect a simulated coil from end to end, and show it"),
    ):
        yield name, words, partial(_fill_from, module, function)


def _fill(add: Fill, function: Run, command: argparse.ArgumentParser) -> None:
    add(command)
    command.set_defaults(function=function)


def _fill_order(name: str, command: argparse.ArgumentParser) -> None:
    from inspector import operate

    add, function = {
        "alarms": (operate.add_alarms_arguments, operate.run_alarms),
        "decide": (operate.add_decide_arguments, operate.run_decide),
        "roll": (operate.add_roll_arguments, operate.run_roll),
        "relabel": (operate.add_relabel_arguments, operate.run_relabel),
    }[name]
    _fill(add, function, command)


def _fill_from(module: str, function: Run | None, command: argparse.ArgumentParser) -> None:
    found = importlib.import_module(f"inspector.{module}")
    _fill(found.add_arguments, function or found.run, command)


def _add_config_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("config", type=Path, metavar="CONFIG", help="the line's TOML file")
    command.add_argument(
        "--unverified", action="store_true", help="accept a built engine that `deploy verify` has not proven"
    )


def _add_reload_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("pid", type=process_id, metavar="PID", help="the inspector; it answers in RUNTIME_DIRECTORY")


def _add_events_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--connect", default="tcp://127.0.0.1:5556", help="events.bind (default: %(default)s)")
    command.add_argument("--replay", default="tcp://127.0.0.1:5557", help="events.replay_bind (default: %(default)s)")
    command.add_argument(
        "--topic", action="append", metavar="PREFIX", help="only topics that begin so; may be repeated"
    )
    command.add_argument(
        "--key", type=Path, metavar="FILE", help="a subscriber's key, where the inspector asks for one"
    )
    command.add_argument("--json", action="store_true", help="one CloudEvents JSON a line")
    command.add_argument(
        "--since",
        type=since,
        metavar="SEQ|TIME",
        help="first the journal's events from here on: a number, or a time as 2026-03-01T14:00, by this machine's zone",
    )
    command.add_argument("--cursor", type=Path, metavar="FILE", help="keep the place there, and go on from it")
    command.add_argument("--count", type=at_least_0, metavar="N", help="end after N events")
    command.add_argument("--timeout", type=seconds, metavar="S", help="end when none came for S seconds")


def _add_acknowledge_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("alarm", metavar="NAME", help="the alarm's name")
    command.add_argument("--operator", default="", metavar="NAME", help="who asks; it is journalled")
    command.add_argument(
        "--http", default="127.0.0.1:9477", metavar="HOST:PORT", help="http.bind (default: %(default)s)"
    )
    command.add_argument("--token-file", type=Path, metavar="FILE", help="holds the token, as http.token_file")


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
        if error.filename is None or args.function is run or output.refusal():  # of the daemon the log says where
            raise
        output.report(f"{error.filename}: {error.strerror}. Mend that, and run it again.")
        return EXIT_FAILURE
    except KeyboardInterrupt:  # of commands that do not drain
        return EXIT_INTERRUPTED
    return code


if __name__ == "__main__":
    sys.exit(main())
