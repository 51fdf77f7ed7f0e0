"""The training loop; everything it uses has a file of its own.

A run's folder: `config.toml` (what was asked, and what it ran on), `split.csv` (which frame taught, which measured),
`metrics.jsonl` (one line an epoch), `curves.png`, `last.pt` (to resume), `best.pt` (to export).
"""

from __future__ import annotations

import math
import shlex
import time
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console

from inspector.words import counted
from trainer.data.sources import Joined
from trainer.errors import Diverged
from trainer.files import hold_folder
from trainer.learn import checkpoint
from trainer.learn.checkpoint import Card
from trainer.learn.crops import CropSettings
from trainer.learn.feed import BatchFeed
from trainer.learn.loading import keep, load_crops
from trainer.learn.logbook import Logbook
from trainer.learn.memory import explain_shortage
from trainer.learn.network import TrainingNetwork
from trainer.learn.parallel import Ranks, join_ranks
from trainer.learn.progress import Bar
from trainer.learn.schedule import Schedule
from trainer.learn.start import Begun, start
from trainer.learn.stop import RunStopped, Stop
from trainer.learn.validate import Measured, validate
from trainer.settings import Settings

AGAIN = "trainer fit --resume --out {}"


def fit(settings: Settings, run: Path, console: Console, resume: bool = False) -> Card:
    """Train a network into the folder `run` and return the card of its last checkpoint.

    With `resume` the run goes on from `last.pt` with that checkpoint's settings, but for those of MAY_CHANGE
    (`trainer.settings`) that `settings` has. Under torchrun each process calls this; the first alone writes and talks.

    Raises:
        ValueError: data, weights or a checkpoint that cannot be used.
        RunError: it went wrong on the way: no memory, no room on disk, a loss that is NaN or infinite.
        Stopped: a signal ended it; `last.pt` is where it stood.
    """
    with join_ranks() as ranks, hold_folder(run) if ranks.first else nullcontext():
        console = console if ranks.first else Console(quiet=True)
        # 1. The network and its data: of a new run, or of one to go on with.
        begun = start(settings, run, console, ranks, resume)
        with Stop(console) as stop, explain_shortage(begun.card.settings):
            card = learn(begun, run, stop, console)
        console.print(f"{run}: {outcome(card, run)}", soft_wrap=True)
        return card


def outcome(card: Card, run: Path) -> str:
    """Return in words what came of a run, and what comes next."""
    if card.settings.folds:
        return f"has learnt from all frames; {counted(card.settings.folds, 'network')} to measure it by come next"
    best = f"best dice_micro_mean {card.best:.4f}" if card.best >= 0 else "no validation frame has a defect"
    return f"{best}; next: {next_commands(run)}"


def next_commands(run: Path) -> str:
    """Return what comes after a run; one that was exported before may have a recipe that `export` will not replace."""
    name = shlex.quote(str(run))
    is_there = (run / "recipe" / "recipe.toml").is_file()
    again = " --replace, by which its recipe loses what other commands gave it" if is_there else ""
    return f"trainer export {name}{again}, then trainer tune {name}"


def learn(begun: Begun, run: Path, stop: Stop, console: Console) -> Card:
    """Take steps until the budget or the patience ends; return the last checkpoint's card."""
    card, network, ranks = begun.card, begun.network, begun.ranks
    # 2. How far to go, and the crops to learn from, from where it stands.
    schedule = Schedule(card.settings, max(1, (card.settings.epoch_crops or len(begun.train)) // card.settings.batch))
    frames = Joined([begun.train, begun.extra]) if begun.extra else begun.train
    train = keep(frames, card.settings.cache_gb, network.device, ranks.count)
    load = partial(load_crops, shapes=begun.shapes, rank=ranks.rank, ranks=ranks.count)
    feed = BatchFeed(lambda card, full: load(card, train, make_look(card, full, len(begun.train)), network.device))
    began_s, saved_s = time.monotonic() - card.elapsed_s, card.elapsed_s

    with Bar(console, begun.gaps.unmeasured) as bar, Logbook(run, begun) as log:
        while True:
            # 3. Each epoch, measure the averaged weights on the validation frames and keep the best.
            card, signal_number = look_up(card, began_s, stop, ranks)
            ended = has_ended(card, schedule)
            epoch_ends = card.step > card.measured_step and (ended or card.step % schedule.epoch_steps == 0)
            if epoch_ends and (measured := validate(network, begun.validation, ranks, stop, card.settings.workers)):
                if not card.measured_step:  # a best.pt alone could neither go on nor begin again
                    save_last(card, run, network, ranks)
                card, epoch = assess(card, measured, schedule)
                card = keep_best(card, run, network, ranks)
                epoch |= bar.pace()
                log.epoch(epoch)
                bar.epoch(epoch)
                ended |= has_ended(card, schedule)
            card, signal_number = look_up(card, began_s, stop, ranks)

            # 4. Keep what a kill would otherwise lose: each epoch, now and then, and when asked to stop.
            if epoch_ends or signal_number or card.elapsed_s - saved_s >= 60 * card.settings.checkpoint_minutes:
                save_last(card, run, network, ranks)
                saved_s = card.elapsed_s
            if signal_number:
                raise RunStopped(
                    f"stopped at step {card.step}; go on with: {AGAIN.format(shlex.quote(str(run)))}", signal_number
                )
            if ended:
                return card

            # 5. A step.
            bar.begin_step()
            pixels, labels = feed.next(card, schedule.full_frames(card.step, card.elapsed_s))
            lr = schedule.lr(card.step, card.elapsed_s)
            loss = network.step(pixels, labels, lr)
            refuse_divergence(loss, card.step + 1, lr, run)
            card = replace(card, step=card.step + 1, loss_sum=card.loss_sum + loss, lr=lr)
            bar.step(card, loss, schedule, feed.waited_s())


def look_up(card: Card, began_s: float, stop: Stop, ranks: Ranks) -> tuple[Card, int]:
    """Return the card at the present time, and the signal that came or 0; all ranks the same."""
    elapsed_s, signal_number = ranks.highest(time.monotonic() - began_s, stop.signal_number)
    return replace(card, elapsed_s=elapsed_s), int(signal_number)


def has_ended(card: Card, schedule: Schedule) -> bool:
    """Return whether the budget or the patience is used up; so it is, too, for a run that is resumed after its end."""
    is_stale = 0 < card.settings.patience <= card.stale_epochs
    return is_stale or schedule.progress(card.step, card.elapsed_s) >= 1


def refuse_divergence(loss: float, step: int, lr: float, run: Path) -> None:
    """Raise Diverged unless the loss is finite."""
    if not math.isfinite(loss):
        raise Diverged(
            f"loss is {loss} at step {step}, learning rate {lr:.2g}; expected a number. Start again with a lower --lr, "
            f"or with --precision fp32; {run / 'best.pt'} is the best from before."
        )


def assess(card: Card, measured: Measured, schedule: Schedule) -> tuple[Card, dict[str, float]]:
    """Return the card that knows an epoch's validation, and the epoch's line of figures."""
    line = {
        "epoch": schedule.epoch(card.step),
        "step": card.step,
        "elapsed_s": card.elapsed_s,
        "lr": card.lr,
        "loss": card.loss_sum / (card.step - card.measured_step),
        "validation_loss": measured.loss,
        **measured.scores,
    }
    fell = measured.loss < card.lowest_loss
    card = replace(card, scores=measured.scores, measured_step=card.step, loss_sum=0.0)
    card = replace(card, stale_epochs=0 if fell else card.stale_epochs + 1)
    return replace(card, lowest_loss=min(card.lowest_loss, measured.loss)), line


def keep_best(card: Card, run: Path, network: TrainingNetwork, ranks: Ranks) -> Card:
    """Write `best.pt` if no scores so far are better, the later of equals; return the card that knows.

    Where no validation frame has a defect the score is nan, and the latest network is kept.
    """
    score = card.scores["dice_micro_mean"]
    if score < card.best:
        return card
    card = card if math.isnan(score) else replace(card, best=score)
    if ranks.first:
        checkpoint.save(run / "best.pt", card, network.average.state_dict())
    return card


def save_last(card: Card, run: Path, network: TrainingNetwork, ranks: Ranks) -> None:
    """Write `last.pt`; return when it is on disk."""
    if ranks.first:
        checkpoint.save(run / "last.pt", card, network.average.state_dict(), network.state())
    ranks.wait()


def make_look(card: Card, full_frames: bool, own_frames: int) -> CropSettings:
    """Return how crops are cut and relit; frames after the first `own_frames` are of other origin."""
    settings = card.settings
    look = CropSettings(settings.crop_height_px, settings.crop_width_px, settings.defect_share, card.class_shares)
    look = replace(look, own_frames=own_frames, extra_share=settings.extra_share, paste_share=settings.paste_share)
    if full_frames:
        look = replace(look, height_px=card.frame_height_px, width_px=card.frame_width_px, per_frame=1)
    else:
        look = replace(look, scale_jitter=settings.scale_jitter)
    return look if settings.relight else replace(look, gain=0.0, offset_grey=0.0, gamma=0.0, noise_grey=0.0)
