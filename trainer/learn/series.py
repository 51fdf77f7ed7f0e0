"""Several runs as one piece of work: asked alike, each done once, each resumed where it was left.

Knows runs' folders; must not know what the runs are compared by.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from trainer.errors import DataError
from trainer.files import replace_file
from trainer.learn import checkpoint
from trainer.learn.train import fit
from trainer.settings import Settings

OF_THE_MACHINE = ("workers", "checkpoint_minutes", "compile", "cache_gb")
"""Settings that may differ when a series goes on: they change no figure."""


def finish(settings: Settings, run: Path, console: Console) -> None:
    """Train a run to its end: a new one, one that was left, or none where it is done already.

    Raises:
        UserError: as `trainer.learn.train.fit`.
        Stopped: a signal ended it; the same call goes on.
    """
    if is_finished(run, settings):
        console.print(f"{run.name}: done already, in {run}")
        return
    resume = (run / "last.pt").is_file()
    console.print(f"{run.name}: " + ("goes on in" if resume else "begins in") + f" {run}")
    card = fit(settings, run, console, resume)
    with replace_file(run / "finished.json") as temporary:
        temporary.write_text(json.dumps({"step": card.step, **_budget(settings)}))


def is_finished(run: Path, settings: Settings) -> bool:
    """Return whether the run ended by itself, no shorter or longer than `settings` say.

    Its marker is of the very step that its checkpoint is of. One of before 0.4 does not say how long it was to be.
    """
    try:
        marker = json.loads((run / "finished.json").read_text())
        step, asked = marker["step"], _budget(settings)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    is_whole = all(marker.get(name, value) == value for name, value in asked.items())
    return is_whole and (run / "last.pt").is_file() and step == checkpoint.load(run / "last.pt")[0].step


def _budget(settings: Settings) -> dict[str, float | None]:
    return {"epochs": settings.epochs, "minutes": settings.minutes}


def keep_alike(settings: Settings, path: Path, own: Sequence[str] = ()) -> bool:
    """Write down what is asked, or hold it against what is written there; `own` names what differs between runs.

    Return whether it was written: where no run of the folder has begun, nothing need be as before.

    Raises:
        DataError: the folder's runs were asked for otherwise.
    """
    asked = {name: value for name, value in _plain(settings).items() if name not in (*OF_THE_MACHINE, *own)}
    begun = (kept for name in ("last.pt", "best.pt") for kept in path.parent.rglob(name))
    if not path.is_file() or not any(begun):
        with replace_file(path) as temporary:
            temporary.write_text(json.dumps(asked, indent=1))
        return True
    try:
        before = json.loads(path.read_text())
    except ValueError as error:
        raise DataError(
            f"{path}: is damaged ({error}); expected what an earlier call wrote. Give another --out."
        ) from error
    faults = [
        f"{path}: {name} was {before[name]}, now it is {asked[name]}; expected the same for every run. "
        "Ask as before, or give another --out."
        for name in sorted(asked.keys() & before.keys())
        if asked[name] != before[name]
    ]
    if faults:
        raise DataError(*faults)
    return False


def _plain(settings: Settings) -> dict[str, object]:
    """Return settings as JSON would give them back."""
    plain: dict[str, object] = msgspec.json.decode(msgspec.json.encode(settings))
    return plain
