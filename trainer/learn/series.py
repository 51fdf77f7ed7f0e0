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
ASKED = "crossval.json"
"""What a cross-validation was asked for, in its folder."""


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
    if not path.is_file() or not any(path.parent.rglob("last.pt")):
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


def refuse_taught(option: str, origin: str, settings: Settings) -> None:
    """Raise DataError where the network that an option names has learnt from DATA, of which a part is held out."""
    if not Path(origin).is_file():
        return
    before = checkpoint.load(Path(origin))[0].settings
    if _places(before.data, before.extra) & _places(settings.data):
        raise DataError(
            f"{option} {origin}: has learnt from DATA, so that it knows what is held out; expected a network of other "
            "data, or the folder of a cross-validation with the same folds"
        )


def _places(*specs: Sequence[str]) -> set[str]:
    """Return sources of data, each in one spelling, however it was written."""
    return {str(Path(spec).resolve()) if Path(spec).exists() else spec for given in specs for spec in given}


def doubts(settings: Settings) -> list[str]:
    """Return in words what may make the figures too good: what a network has learnt from and nobody has written down.

    A recipe does not list it, and a checkpoint lists its own run's alone.
    """
    found = []
    for option, origin in (("--start", settings.start), ("--teacher", settings.teacher)):
        if not origin or (Path(origin) / ASKED).is_file():
            continue
        if not Path(origin).is_file():
            words = "a recipe does not list what it has learnt from. If DATA is among it, every figure is too good: "
            found.append(f"{option} {origin}: {words}read trained_on in its recipe.toml.")
        elif begun := checkpoint.load(Path(origin))[0].settings.start:
            words = f"its own run began with {begun}. If that has learnt from DATA, every figure is too good."
            found.append(f"{option} {origin}: {words}")
    return found


def _plain(settings: Settings) -> dict[str, object]:
    """Return settings as JSON would give them back."""
    plain: dict[str, object] = msgspec.json.decode(msgspec.json.encode(settings))
    return plain
