"""Training side by side: our step and loader, and a plain loop around segmentation_models_pytorch with a usual one.

The other loop is what its examples do: `Unet("resnet34")`, a Dataset that reads with cv2 and cuts and flips with
numpy, torch's DataLoader, cross-entropy, AdamW. Same files, batch, crop, processes and precision; encoders equal,
decoders each project's own. Ours also averages the weights, cuts gradients, adds the Dice loss and changes the light,
all within its time. They take turns within each round, so that a noisy machine slows both alike.
"""

from __future__ import annotations

import csv
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from tests.bench.steel_folder import write_steel
from trainer.data import rle, sources
from trainer.learn.checkpoint import Card, build
from trainer.learn.crops import CropSettings
from trainer.learn.loading import keep, load_crops
from trainer.learn.network import TrainingNetwork
from trainer.learn.parallel import Ranks
from trainer.settings import Settings

FRAMES, BATCH, HEIGHT, WIDTH, WORKERS = 48, 4, 256, 512, 1
STEPS, ROUNDS = 2, 5
Step = Callable[[], object]


class Plain(Dataset[tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]]):
    """Severstal's folder as a notebook reads it."""

    def __init__(self, folder: Path, channels: int) -> None:
        self._paths = sorted((folder / "train_images").glob("*.jpg"))
        self._channels = channels
        self._masks: dict[str, list[tuple[int, str]]] = {}
        with (folder / "train.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                self._masks.setdefault(row["ImageId"], []).append((int(row["ClassId"]), row["EncodedPixels"]))

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        path = self._paths[index]
        image = cv2.imread(str(path), cv2.IMREAD_COLOR if self._channels == 3 else cv2.IMREAD_GRAYSCALE)
        assert image is not None
        labels = np.zeros(image.shape[:2], np.int64)
        for class_id, text in self._masks.get(path.name, ()):
            labels[rle.decode(text, *labels.shape)] = class_id
        top = np.random.randint(0, labels.shape[0] - HEIGHT + 1)
        left = np.random.randint(0, labels.shape[1] - WIDTH + 1)
        window = np.s_[top : top + HEIGHT, left : left + WIDTH]
        image, labels = np.atleast_3d(image)[window], labels[window]
        for axis in (0, 1):
            if np.random.random() < 0.5:
                image, labels = np.flip(image, axis), np.flip(labels, axis)
        pixels = (image.astype(np.float32) / 255 - 0.345) / 0.176
        return np.ascontiguousarray(pixels.transpose(2, 0, 1)), np.ascontiguousarray(labels)


def plain_step(folder: Path, channels: int) -> tuple[Step, nn.Module]:
    """Return a step of the plain loop."""
    import segmentation_models_pytorch as smp  # an extra of benches alone

    unet: nn.Module = smp.Unet("resnet34", encoder_weights=None, in_channels=channels, classes=5).to(DEVICE).train()
    optimiser = torch.optim.AdamW(unet.parameters(), lr=1e-4)
    batches = _forever(
        DataLoader(
            Plain(folder, channels),
            BATCH,
            shuffle=True,
            drop_last=True,
            num_workers=WORKERS,
            pin_memory=DEVICE.type == "cuda",
        )
    )

    def step() -> float:
        pixels, labels = (part.to(DEVICE) for part in next(batches))
        with autocast():
            loss = nn.functional.cross_entropy(unet(pixels), labels)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimiser.step()
        return loss.item()

    return step, unet


def our_step(folder: Path) -> tuple[Step, nn.Module]:
    """Return a step of our loop."""
    settings = Settings(data=(str(folder),), batch=BATCH, workers=WORKERS, precision=PRECISION)
    card = Card(settings, 88.0, 45.0, (0.2,) * 4)
    unet = build(card)
    network = TrainingNetwork(unet, settings, Ranks(device=DEVICE))
    train = keep(sources.frames([str(folder)]), None, network.device)
    batches = load_crops(card, train, CropSettings(HEIGHT, WIDTH), network.device)
    return lambda: network.step(*next(batches), 1e-4), unet


def _forever(loader: DataLoader[Any]) -> Iterator[list[Tensor]]:
    while True:
        yield from loader


DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
PRECISION = "bf16" if DEVICE.type == "cuda" else "fp32"


def autocast() -> torch.autocast:
    """Return the arithmetic of both."""
    return torch.autocast(DEVICE.type, torch.bfloat16, enabled=PRECISION == "bf16")


def main() -> None:
    """Print images a second of each, and the ratios of each round in median."""
    if find_spec("segmentation_models_pytorch") is None:
        print('segmentation_models_pytorch is not installed; fetch it with: .venv/bin/pip install -e ".[bench]"')
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = write_steel(Path(temporary) / "steel", FRAMES)
        loops = {
            "ours": our_step(folder),
            "smp, 1 channel": plain_step(folder, 1),
            "smp, 3 channels": plain_step(folder, 3),
        }
        for name, (step, unet) in loops.items():
            step()  # warms up
            print(f"{name:16} {sum(tensor.numel() for tensor in unet.parameters()) / 1e6:.1f} M parameters", flush=True)
        threads = torch.get_num_threads()
        print(
            f"{DEVICE}, {PRECISION}, {threads} threads, batches of {BATCH} crops of {HEIGHT} x {WIDTH} px", flush=True
        )
        ratios: dict[str, list[float]] = {name: [] for name in loops}
        for _ in range(ROUNDS):
            rates = {name: rate(step) for name, (step, _) in loops.items()}
            for name, per_s in rates.items():
                ratios[name].append(rates["ours"] / per_s)
            print(", ".join(f"{name} {per_s:.2f}" for name, per_s in rates.items()) + " images/s", flush=True)
    for name, found in ratios.items():
        if name != "ours":
            print(f"ours is {statistics.median(found):.2f} times as fast as {name} (median of {ROUNDS}; wanted: 1.5)")


def rate(step: Step) -> float:
    """Return images a second."""
    began = time.perf_counter()
    for _ in range(STEPS):
        step()
    return STEPS * BATCH / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
