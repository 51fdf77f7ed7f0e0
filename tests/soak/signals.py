"""Pairs of signals at every phase of an inspector's life: `python -m tests.soak.signals [PAIRS] [SEED]`.

Each life gets some pairs a few microseconds apart, while it starts, runs, reloads and drains, and must end with 0.
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

from tests.ports import free_base
from tests.recipes import write_recipe

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
HANG_S = 120.0


def lives(pairs: int, seed: int, folder: Path) -> int:
    """Live until so many pairs were sent; return them.

    Raises: AssertionError for a life that ended otherwise than with 0, or not at all, with the seed that shows it.
    """
    rng = random.Random(seed)
    config = _configuration(folder)
    sent = life = 0
    while sent < pairs:
        life += 1
        sent += _live(config, rng, min(PAIRS_A_LIFE, pairs - sent), f"life {life} of seed {seed}")
    return sent


def _live(config: Path, rng: random.Random, pairs: int, name: str) -> int:
    with subprocess.Popen(
        [sys.executable, "-m", "inspector", "run", str(config)], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        _until_held(process.pid)
        phase = rng.choice(("start", "start", "run"))
        lines = []
        while phase == "run" and (line := process.stderr.readline()):
            lines.append(line)
            if "ready" in line:
                break
        for _ in range(pairs - 1):
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
            raise AssertionError(f"{name}, {phase}: hangs; it wrote {''.join(lines)}") from None
        assert process.returncode == 0, f"{name}, {phase}: ended with {process.returncode}; {''.join(lines)}{rest}"
    return pairs


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


def _configuration(folder: Path) -> Path:
    frames, events, replay, http = range(base := free_base(), base + 4)
    write_recipe(folder / "recipe")
    config = folder / "line.toml"
    config.write_text(
        'line = "signals"\n[recipe]\npath = "recipe"\n[engine]\nkind = "stub"\ninspects_nothing = true\n'
        f'[intake]\nbind = "tcp://127.0.0.1:{frames}"\n[[camera]]\nname = "top"\nmm_per_px = 0.5\nmm_per_row = 0.5\n'
        f'[events]\nbind = "tcp://127.0.0.1:{events}"\nreplay_bind = "tcp://127.0.0.1:{replay}"\n'
        f'[journal]\npath = "journal"\n[http]\nbind = "127.0.0.1:{http}"\n'
    )
    return config


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as made:
        count = lives(asked, int(sys.argv[2]) if len(sys.argv) > 2 else 0, Path(made))
    print(f"{count} pairs of signals: no hang, every life ended with 0")
