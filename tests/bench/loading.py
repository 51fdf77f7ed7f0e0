"""Data loading: frames and crops a second, with a cold and a warm cache, and the share of a run that waits for them."""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import torch

from tests.bench.steel_folder import write_steel
from trainer.data import sources
from trainer.learn.checkpoint import Card, build
from trainer.learn.crops import Crops, CropSettings
from trainer.learn.loading import keep, load_crops
from trainer.learn.network import TrainingNetwork
from trainer.learn.parallel import Ranks
from trainer.learn.photometric import change_light
from trainer.settings import Settings

FRAMES, ROUNDS, CROPS, STEPS = 48, 3, 96, 12
CPU = torch.device("cpu")


def main() -> None:
    """Print the rates and the share."""
    with tempfile.TemporaryDirectory() as folder:
        steel = str(write_steel(Path(folder) / "steel", FRAMES))
        print_parts(steel)
        print_loader(steel)
        print_waiting(steel)


def print_parts(steel: str) -> None:
    """Print what a frame and a crop cost, in time of one core."""
    threads = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    frames = sources.frames([steel])
    cached = keep(frames, 1.0, CPU)
    crops = Crops(cached, 2**62, 0, CropSettings())
    raw = [crops[number] for number in range(CROPS)]
    lights = [(crop.pixels[None], crop.light[None], crop.key[None]) for crop in raw]
    for index in range(FRAMES):
        cached[index]
    for printed, work in (
        ("frame from its file", lambda i: frames[i % FRAMES]),
        ("frame from the cache", lambda i: cached[i % FRAMES]),
        ("crop of a frame in the cache, before its light", crops.__getitem__),
        ("light of a crop", lambda i: change_light(*lights[i])),
    ):
        print(f"{printed:48} {cost_ms(work):7.3f} ms of one core")
    kept, used_bytes = cached.kept()
    print(f"{'a frame takes in the cache':48} {used_bytes / kept / 1000:7.1f} kB")
    cv2.setNumThreads(threads[0])
    torch.set_num_threads(threads[1])


def cost_ms(work: Callable[[int], object]) -> float:
    """Return milliseconds of processor time of one call, in median over the crops' numbers."""
    times = []
    for number in range(CROPS):
        began = time.process_time()
        work(number)
        times.append(time.process_time() - began)
    return 1000 * statistics.median(times)


def print_loader(steel: str) -> None:
    """Print crops a second that the loader alone makes."""
    for workers in (1, 2):
        rates: dict[str, list[float]] = {"no cache": [], "cold cache": [], "warm cache": []}
        for _ in range(ROUNDS):
            rates["no cache"].append(loader_rate(steel, workers, 0.0)[0])
            cold, warm = loader_rate(steel, workers, 1.0)
            rates["cold cache"].append(cold)
            rates["warm cache"].append(warm)
        printed = ", ".join(f"{name} {statistics.median(per_s):.0f}" for name, per_s in rates.items())
        print(f"crops/s of 256 x 512 px, {workers} processes: {printed} (median of {ROUNDS})")


def loader_rate(steel: str, workers: int, cache_gb: float) -> tuple[float, float]:
    """Return crops a second of the loader's first pass over the frames, and of a second loader on the same cache."""
    card = Card(Settings(data=(steel,), workers=workers), 88.0, 45.0, (0.2,) * 4)
    train = keep(sources.frames([steel]), cache_gb, CPU)
    rates = []
    for _ in range(2):
        batches = load_crops(card, train, CropSettings(), CPU)
        next(batches)  # the processes have started
        began = time.perf_counter()
        for _ in itertools.islice(batches, CROPS // card.settings.batch):
            pass
        rates.append(CROPS / (time.perf_counter() - began))
    return rates[0], rates[1]


def print_waiting(steel: str) -> None:
    """Print the share of a training's time that steps wait for crops."""
    for workers in (0, 1):
        card = Card(Settings(data=(steel,), workers=workers), 88.0, 45.0, (0.2,) * 4)
        network = TrainingNetwork(build(card), card.settings, Ranks())
        train = keep(sources.frames([steel]), None, network.device)
        batches = load_crops(card, train, CropSettings(), network.device)
        network.step(*next(batches), 1e-4)
        waited_s, began = 0.0, time.perf_counter()
        for _ in range(STEPS):
            asked = time.perf_counter()
            batch = next(batches)
            waited_s += time.perf_counter() - asked
            network.step(*batch, 1e-4)
        whole_s = time.perf_counter() - began
        print(
            f"{STEPS} steps of 4 crops on {network.device}, {workers} loading processes: "
            f"{4 * STEPS / whole_s:.2f} crops/s, {waited_s / whole_s:.2%} of the time waiting (wanted: below 3 %)"
        )


if __name__ == "__main__":
    main()
