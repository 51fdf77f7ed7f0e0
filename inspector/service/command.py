"""`inspector run`, `check` and `reload`: a line from the command line.

Knows: their options, and how each ends. Must not know: what the daemon does. It imports what a command needs when that
runs, so that `--help` and `reload` load no engine.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import os
from contextlib import closing
from pathlib import Path

from inspector import output
from inspector.arguments import process_id
from inspector.errors import EXIT_FAILURE, InspectorError


def add_config_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the options of `inspector run` and `check`."""
    command.add_argument("config", type=Path, metavar="CONFIG", help="the line's TOML file")
    command.add_argument(
        "--unverified", action="store_true", help="accept a built engine that `deploy verify` has not proven"
    )


def add_reload_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the options of `inspector reload`."""
    command.add_argument("pid", type=process_id, metavar="PID", help="the inspector; it answers in RUNTIME_DIRECTORY")


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


def check(args: argparse.Namespace) -> int:
    """Read a configuration, and everything it refers to, as `run` would."""
    from inspector.service import engine, places
    from inspector.service.prepare import prepare, read_secrets, remarks
    from inspector.words import counted

    prepared = prepare(args.config)
    settings, full = prepared.settings, prepared.full
    read_secrets(args.config, settings, _credentials())
    disk_remarks = places.check_disks(settings)
    engine_remarks = engine.check(prepared, unverified=args.unverified)
    cameras = ", ".join(camera.name for camera in settings.camera)
    alarms = counted(len(settings.alarm), "alarm")
    print(f"{args.config}: good. Line {settings.line}, cameras {cameras}, recipe {full.folder.name}, {alarms}")
    for remark in engine_remarks:
        print(f"engine: {remark}")
    for remark in (*remarks(settings, full.card), *disk_remarks):
        print(remark)
    return 0


def reload(args: argparse.Namespace) -> int:
    """Have a running inspector read its configuration again, and wait for what becomes of it."""
    from inspector.service.reload_answer import ask, runtime_folder

    answer = ask(args.pid, runtime_folder(os.environ))
    if answer.exit_code:
        output.report(answer.message)
    else:
        print(f"reloaded: {answer.message}")
    return answer.exit_code


def _credentials() -> Path | None:
    """The service manager's folder of secrets, where it made one."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) if folder else None


def _settle() -> None:
    """Take what was loaded out of Python's search for garbage, which held up all threads for 20 to 30 ms each time."""
    gc.collect()
    gc.freeze()
