"""Pairs of signals at every phase of an inspector's life: `python -m tests.soak.signals [PAIRS] [SEED]`.

Each life gets some pairs a few microseconds apart, while it starts, runs, reloads, rebuilds an engine and drains, and
must end with 0. An engine is rebuilt on the emulated GPU, where that is built (`make emulator`).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from inspector.engines.nvidia import manifest
from inspector.harness.ports import Ports
from tests import emulator
from tests.emulator import recipe
from tests.recipes import renew, write_recipe

PAIRS_A_LIFE = 25
ENDS = (
    (signal.SIGTERM, signal.SIGTERM),
    (signal.SIGHUP, signal.SIGTERM),
    (signal.SIGTERM, signal.SIGHUP),
    (signal.SIGINT, signal.SIGTERM),
    (signal.SIGTERM, signal.SIGINT),
)
"""A second Ctrl-C is not among them: it ends at once, with 130."""
CLOSE_S = 200e-6
"""Two signals this close met each other in a handler."""
AFTER_S = 1.0
"""The pairs begin at any time within it after what they wait for; a rebuild takes 3 s."""
HANG_S = 120.0


def lives(pairs: int, seed: int, folder: Path) -> int:
    """Live until that many pairs were sent; return them.

    Raises: AssertionError for a life that ended otherwise than with 0, or not at all, with the seed that shows it.
    """
    rng = random.Random(seed)
    phases = ["start", "start", "run"]
    plain = _configuration(folder, 'kind = "stub"\ninspects_nothing = true\n')
    if emulator.is_built():
        phases.append("rebuild")
        rebuilding = _with_an_engine(folder / "gpu")
    sent = life = 0
    while sent < pairs:
        life += 1
        some = min(PAIRS_A_LIFE, pairs - sent)
        name = f"life {life} of seed {seed}"
        match rng.choice(phases):
            case "rebuild":
                (rebuilding.parent / "recipe" / manifest.ENGINE).write_bytes(b"damaged")
                _live(rebuilding, rng, some, f"{name}, rebuild", until="rebuilding the engine", emulated=True)
            case "run":
                _live(plain, rng, some, f"{name}, run", until="ready")
            case _:
                _live(plain, rng, some, f"{name}, start")
        sent += some
    return sent


def _live(config: Path, rng: random.Random, pairs: int, name: str, until: str = "", *, emulated: bool = False) -> None:
    """Live once: the pairs are sent at once, or after a line of the log with the words `until`."""
    with subprocess.Popen(
        [sys.executable, "-m", "inspector", "run", str(config)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | (emulator.environment("tensorrt_rtx") if emulator.is_built() else {}),
    ) as process:
        assert process.stderr is not None
        _until_held(process.pid)
        lines = []
        while until and (line := process.stderr.readline()):
            lines.append(line)
            if until in line:
                break
        time.sleep(rng.uniform(0, AFTER_S))
        for version in range(2, pairs + 1):
            if not emulated and rng.random() < 0.5:  # the others find an engine that goes on
                renew(config.parent / "recipe", version)
            _send(process.pid, (signal.SIGHUP, signal.SIGHUP), rng)
            time.sleep(rng.choice((0, 0.001, 0.02)))
        _send(process.pid, rng.choice(ENDS), rng)
        for _ in range(rng.randrange(3)):  # while it drains, and on its way out
            _send(process.pid, (signal.SIGHUP, signal.SIGTERM), rng)
            time.sleep(rng.choice((0, 0.1, 0.3)))
        try:
            _, rest = process.communicate(timeout=HANG_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"{name}: hangs; it wrote {''.join(lines)}") from None
        assert process.returncode == 0, f"{name}: ended with {process.returncode}; {''.join(lines)}{rest}"


def _send(pid: int, pair: tuple[signal.Signals, signal.Signals], rng: random.Random) -> None:
    os.kill(pid, pair[0])
    until = time.perf_counter() + rng.uniform(0, CLOSE_S)
    while time.perf_counter() < until:
        pass
    os.kill(pid, pair[1])


def _until_held(pid: int) -> None:
    """Wait until the process has come to its first line: what is before that is the kernel's and Python's."""
    deadline = time.monotonic() + HANG_S
    while not (_mask(pid, "SigBlk") | _mask(pid, "SigCgt")) >> (signal.SIGTERM - 1) & 1:
        assert time.monotonic() < deadline, "signals are never held"
        time.sleep(0.0005)


def _mask(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1], 16)


def _with_an_engine(folder: Path) -> Path:
    """Write a configuration whose recipe has an engine for the emulated GPU, proven; return it."""
    written = recipe.write(folder / "recipe")
    for command in (["convert", str(written), "--precision=fp32", "--batches=1,4"], ["verify", str(written)]):
        subprocess.run(
            [sys.executable, "-m", "deploy", *command],
            check=True,
            capture_output=True,
            env=os.environ | emulator.environment("tensorrt_rtx"),
        )
    return _configuration(folder, 'kind = "tensorrt"\nrebuild = true\n')


def _configuration(folder: Path, engine: str) -> Path:
    frames, events, replay, http, commands = msgspec.structs.astuple(Ports.free())
    if not (folder / "recipe").exists():
        write_recipe(folder / "recipe")
    config = folder / "line.toml"
    config.write_text(
        f'line = "signals"\n[recipe]\npath = "recipe"\n[engine]\n{engine}'
        f'[intake]\nbind = "tcp://127.0.0.1:{frames}"\n[[camera]]\nname = "top"\nmm_per_px = 0.5\nmm_per_row = 0.5\n'
        f'[events]\nbind = "tcp://127.0.0.1:{events}"\nreplay_bind = "tcp://127.0.0.1:{replay}"\n'
        f'[journal]\npath = "journal"\n[http]\nbind = "127.0.0.1:{http}"\n'
        f'[commands]\nbind = "tcp://127.0.0.1:{commands}"\n'
    )
    return config


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as made:
        count = lives(asked, int(sys.argv[2]) if len(sys.argv) > 2 else 0, Path(made))
    print(f"{count} pairs of signals: no hang, every life ended with 0")
