"""Crops and frames on their way to the device, made ahead in other processes; knows neither network nor optimiser."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from trainer.data.cache import GB, Cached, default_bound_bytes
from trainer.data.samples import Frames
from trainer.data.shapes import Shapes
from trainer.errors import UserError
from trainer.learn.checkpoint import Card
from trainer.learn.crops import Crops, CropSettings, RawCrop
from trainer.learn.photometric import change_light
from trainer.learn.stop import leave_signals_to_parent

MOST_GB = {"cuda": 8, "cpu": 2}
"""Most that the cache takes unless set: all of Severstal where a GPU waits for it; on a CPU a step takes a hundred
times as long as reading its frames, and a run must fit in addition to it."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers of the crops that one of several training processes learns from: its share of each step's."""

    first_step: int
    batch: int
    """Crops a step, of all processes."""
    rank: int = 0
    ranks: int = 1

    def __iter__(self) -> Iterator[int]:
        share = self.batch // self.ranks
        for begin in itertools.count(self.first_step * self.batch + self.rank * share, self.batch):
            yield from range(begin, begin + share)


def load_crops(
    card: Card,
    train: Frames,
    look: CropSettings,
    device: torch.device,
    *,
    shapes: Shapes | None = None,
    rank: int = 0,
    ranks: int = 1,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Return batches of crops without end, from the card's step on, on the device; made in `workers` other processes.

    Pixels (N, 1, H, W) float32 grey levels, labels (N, H, W) uint8. Of `ranks` processes that train together, number
    `rank` gets its share of each step. Light is changed on the GPU where there is one, else where the crop is made.
    """
    settings = card.settings
    on_gpu = device.type == "cuda"
    loader: DataLoader[Any] = DataLoader(
        _Reporting(Crops(train, 2**62, settings.seed, look, shapes)),
        settings.batch // ranks,
        sampler=Numbers(card.step, settings.batch, rank, ranks),
        collate_fn=partial(_collate, default_collate if on_gpu else _lit),
        pin_memory=on_gpu,
        **_processes(settings.workers),
    )
    loaded = _raising(iter(loader))
    return (_lit_on(raw, device) for raw in loaded) if on_gpu else loaded


def load_frames(frames: Frames, workers: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Return all frames in order, read ahead in `workers` other processes: pixels and labels (H, W) uint8."""
    loader: DataLoader[Any] = DataLoader(_Reporting(_Planes(frames)), batch_size=None, **_processes(workers))
    return _raising(iter(loader))


def keep(frames: Frames, cache_gb: float | None, device: torch.device, ranks: int = 1) -> Cached:
    """Return the frames with a cache of `cache_gb`, for each of `ranks` processes a part of it.

    None: half of the free memory, up to 8 GB with a GPU, to 2 GB without. Ask once a run, before anything is loaded.
    """
    most = default_bound_bytes(MOST_GB.get(device.type, 2) * GB) if cache_gb is None else int(cache_gb * GB)
    return Cached(frames, most // ranks)


class _Planes(Dataset[tuple[Tensor, Tensor]]):
    """Frames as tensors."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        sample = self._frames[index]
        return torch.tensor(sample.pixels), torch.from_numpy(sample.labels)


class _Reporting(Dataset[Any]):
    """Another set, whose faults come as items: torch would put a worker's traceback around what is for people."""

    def __init__(self, items: Dataset[Any]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)  # type: ignore[arg-type]  # both sets have a length; torch's class has not

    def __getitem__(self, index: int) -> Any:
        try:
            return self._items[index]
        except UserError as error:
            return error


def _collate(join: Callable[[list[Any]], Any], items: list[Any]) -> Any:
    return next((item for item in items if isinstance(item, UserError)), None) or join(items)


def _raising(loaded: Iterator[Any]) -> Iterator[Any]:
    """Yield what was loaded; raise a fault that came instead."""
    for item in loaded:
        if isinstance(item, UserError):
            raise item
        yield item


def _processes(workers: int) -> dict[str, Any]:
    # Forked, so that they share the cache; the crops of one process are not worth a second thread each.
    forked = {"multiprocessing_context": "fork"} if workers else {}
    return {"num_workers": workers, "worker_init_fn": _one_thread, **forked}


def _one_thread(worker: int) -> None:
    cv2.setNumThreads(0)
    leave_signals_to_parent()


def _lit(crops: Sequence[RawCrop]) -> tuple[Tensor, Tensor]:
    raw: RawCrop = default_collate(list(crops))
    return change_light(raw.pixels, raw.light, raw.key), raw.labels


def _lit_on(raw: RawCrop, device: torch.device) -> tuple[Tensor, Tensor]:
    pixels, labels, light, key = (part.to(device, non_blocking=True) for part in raw)
    return change_light(pixels, light, key), labels
