import itertools
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console

from tests.trainer.frames import tiny_settings
from trainer.data import sources
from trainer.errors import DataError
from trainer.learn.checkpoint import Card
from trainer.learn.crops import CropSettings
from trainer.learn.loading import keep, load_crops, load_frames
from trainer.learn.train import fit

CPU = torch.device("cpu")


def card(mask_folder: Path, step: int = 0, **changes: object) -> Card:
    """A card of a run at a step."""
    return Card(tiny_settings(mask_folder, **changes), 100.0, 30.0, (0.2,) * 4, step=step)


def batches(
    of: Card, folder: Path, count: int, rank: int = 0, ranks: int = 1
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The first batches that a run at this card would learn from."""
    train = keep(sources.frames([str(folder)]), of.settings.cache_gb, CPU)
    return list(itertools.islice(load_crops(of, train, CropSettings(64, 64), CPU, rank=rank, ranks=ranks), count))


def same(first: list[tuple[torch.Tensor, torch.Tensor]], second: list[tuple[torch.Tensor, torch.Tensor]]) -> bool:
    """Tell whether two lists of batches are equal to the last bit."""
    return len(first) == len(second) and all(
        torch.equal(a, b) for left, right in zip(first, second, strict=True) for a, b in zip(left, right, strict=True)
    )


def test_crops_depend_on_seed_and_number_alone(mask_folder: Path) -> None:
    """No matter how many processes make them, what the cache holds, or whether the run was resumed."""
    usual = batches(card(mask_folder), mask_folder, 6)
    assert usual[0][0].shape == (4, 1, 64, 64) and usual[0][1].dtype == torch.uint8
    assert same(usual, batches(card(mask_folder, workers=2), mask_folder, 6))
    assert same(usual, batches(card(mask_folder, cache_gb=0.0), mask_folder, 6))
    assert same(usual[4:], batches(card(mask_folder, step=4), mask_folder, 2))
    assert not same(usual, batches(card(mask_folder, seed=1), mask_folder, 6))


def test_processes_that_train_together_share_a_step(mask_folder: Path) -> None:
    """Two ranks learn, two crops each, from what one process would learn from in steps of four."""
    whole = batches(card(mask_folder), mask_folder, 3)
    halves = [batches(card(mask_folder), mask_folder, 3, rank=rank, ranks=2) for rank in range(2)]
    joined = [tuple(torch.cat(parts) for parts in zip(*pair, strict=True)) for pair in zip(*halves, strict=True)]
    assert same(whole, joined)  # type: ignore[arg-type]  # tuples of two by construction


def test_a_fault_of_a_frame_comes_in_its_own_words(mask_folder: Path, tmp_path: Path) -> None:
    """From another process, too; and a run draws every label before its first step, and leaves nothing."""
    data = Path(shutil.copytree(mask_folder, tmp_path / "data"))
    for mask in (data / "masks").iterdir():
        mask.write_bytes(cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes())
    fault = re.escape(str(data / "masks")) + r"/\d+\.png: is 8 x 8 px; expected the image's"
    with pytest.raises(DataError, match=f"^{fault}"):
        list(load_frames(sources.frames([str(data)]), workers=1))
    with pytest.raises(DataError, match=f"^{fault}"):
        batches(card(data, workers=1), data, 20)
    with pytest.raises(DataError, match=f"^{fault}"):
        fit(tiny_settings(data), tmp_path / "run", Console(quiet=True))
    assert not (tmp_path / "run").exists()


def test_frames_come_whole_and_in_order(mask_folder: Path) -> None:
    """Read ahead in another process, they are those of the set."""
    frames = sources.frames([str(mask_folder)])
    for index, (pixels, labels) in enumerate(load_frames(frames, workers=1)):
        assert (pixels.numpy() == frames[index].pixels).all() and (labels.numpy() == frames[index].labels).all()
    assert index == len(frames) - 1
