"""A missing or stale engine built and proven again, by the converter's own commands in processes of their own.

Knows: the converter's command line. Must not know: the converter (it needs packages that the daemon must not load),
who receives what goes on.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from inspector.engines.nvidia import driver, manifest
from inspector.engines.nvidia.manifest import Parity
from inspector.engines.settings import EngineSection
from inspector.errors import EXIT_BUSY, EngineError, EngineRefused, Stopped
from inspector.leash import leashed

log = logging.getLogger("inspector")

TELL_S = 5.0
"""How often a rebuild that still goes on is reported."""
POLL_S = 0.1
LIMIT_S = 7200.0
"""Far more than the slowest build takes: what goes on so long hangs."""


def rebuild(
    section: EngineSection, folder: Path, max_frames: int, tell: Callable[[str], None], stopped: Callable[[], bool]
) -> None:
    """Run `deploy convert` and `deploy verify` on the recipe in `folder`, at the precision of the engine before.

    `tell` receives what is going on, at once and every few seconds. It ends early when `stopped` returns true.

    Raises: EngineRefused with the converter's last lines, if it fails; EngineError where the driver is what is missing,
    where another process is at it, or when it hangs; Stopped.
    """
    for command in commands(section, folder, max_frames):
        _run(command, tell, stopped)


def commands(section: EngineSection, folder: Path, max_frames: int) -> list[list[str]]:
    """Return the two commands' words: for the engine as it was before, where that is known, and the batches to come."""
    build = [f"--batches={_sizes({1, max_frames})}"]
    proof: list[str] = []
    try:
        before = manifest.read(folder)
    except EngineRefused:
        pass
    else:
        build = [f"--precision={before.precision}", f"--batches={_sizes({1, max_frames, *before.batches})}"]
        proof = _proof(before.parity) if before.parity else []
    if section.flavour != "auto":
        build.append(f"--flavour={section.flavour}")
    gpu = [f"--gpu={section.gpu}"] if section.gpu else []
    return [["convert", str(folder), *build, *gpu], ["verify", str(folder), *proof, *gpu]]


def _proof(before: Parity) -> list[str]:
    """Return the options for a proof on the same frames; none, which is procedural steel, where they are not there."""
    folders = [Path(name) for name in (before.source, before.masks) if name]
    try:
        there = all(folder.is_absolute() and any(folder.iterdir()) for folder in folders)
    except OSError:  # not there, no folder, or closed to the service
        there = False
    if not there:
        return []
    return [
        f"--images={before.source}",
        *([f"--masks={before.masks}"] if before.masks else []),
        f"--frames={before.frames}",
    ]


def _sizes(sizes: set[int]) -> str:
    return ",".join(map(str, sorted(sizes)))


def _run(words: list[str], tell: Callable[[str], None], stopped: Callable[[], bool]) -> None:
    task = f"rebuilding the engine: deploy {' '.join(words)}"
    log.warning("%s", task)
    leash, theirs, ours = leashed(["-m", "deploy"])
    # -P: the working folder, which the service may write to, is no place to import from.
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output,
        os.fdopen(ours, "wb"),
        os.fdopen(theirs),
        subprocess.Popen(
            [sys.executable, "-P", *leash, *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[theirs],
        ) as process,
    ):
        try:
            _wait(process, task, tell, stopped)
        except BaseException:
            process.kill()
            raise
        _raise_if_failed(process.returncode, words, output)


def _wait(
    process: subprocess.Popen[bytes], task: str, tell: Callable[[str], None], stopped: Callable[[], bool]
) -> None:
    began_s = time.monotonic()
    reported_s = -TELL_S
    while process.poll() is None:
        passed_s = time.monotonic() - began_s
        if passed_s - reported_s >= TELL_S:
            tell(f"{task}, {passed_s:.0f} s")
            reported_s = passed_s
        if passed_s > LIMIT_S:
            raise EngineError(f"{task} did not end within {LIMIT_S:g} s. Run it yourself to see where it stands.")
        if stopped():
            raise Stopped("stopped while rebuilding the engine; the next start takes it up again")
        time.sleep(POLL_S)


def _raise_if_failed(code: int, words: list[str], output: IO[str]) -> None:
    output.seek(0)
    lines = [line.rstrip() for line in output if line.strip()]
    for line in lines:
        log.info("deploy %s: %s", words[0], line)
    if not code:
        return
    report = "\n".join([f"`deploy {' '.join(words)}` ended with {code} and reported:", *lines[-12:]])
    if code == EXIT_BUSY:  # another line of this recipe rebuilds it: the next start finds it done
        raise EngineError(report)
    try:
        driver.gpus()
    except EngineError as error:  # at boot the driver may come later: then another start goes on from here
        if str(error) in lines:
            raise EngineError(report) from error
    raise EngineRefused(report)
