"""Two processes that torchrun started do what one does."""

import copy
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import nn

from tests.trainer.frames import tiny_settings
from trainer.errors import UserError
from trainer.learn import checkpoint
from trainer.learn.encoders import build_encoder
from trainer.learn.logbook import read_metrics
from trainer.learn.parallel import Ranks, share_statistics, synchronise
from trainer.learn.train import fit
from trainer.metrics import Scores

# What torchrun starts: the trainer's own fit, and a file for each process that says what it wrote.
TWO = """
import sys
from pathlib import Path
from rich.console import Console
import msgspec, torch
from trainer.settings import Settings
from trainer.learn.train import fit
torch.set_num_threads(1)
card = fit(msgspec.json.decode(sys.argv[1], type=Settings), Path(sys.argv[2]), Console())
print("dice", card.scores["dice_micro"], "step", card.step)
"""


@pytest.mark.long
def test_two_processes_are_one(mask_folder: Path, tmp_path: Path) -> None:
    """Losses, scores and weights of two gloo ranks are those of one process within rounding; one of them writes."""
    import msgspec

    alone, shared = tmp_path / "alone", tmp_path / "shared"
    # A low rate: Adam divides each gradient by its own size, so that rounding moves weights as far as learning does.
    settings = tiny_settings(mask_folder, epoch_crops=8, epochs=2, lr=1e-4)
    fit(settings, alone, Console(quiet=True))
    (tmp_path / "two.py").write_text(TWO)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, str(tmp_path / "two.py"), msgspec.json.encode(settings).decode(), str(shared)]
    quick = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=quick, timeout=500)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("frames to learn from") == 1, done.stdout
    first, second = read_metrics(alone), read_metrics(shared)
    assert [line["step"] for line in second] == [2, 4]
    for of_one, of_two in zip(first, second, strict=True):
        assert of_two["loss"] == pytest.approx(of_one["loss"], rel=1e-3)
        assert of_two["validation_loss"] == pytest.approx(of_one["validation_loss"], rel=1e-3)
        assert of_two["dice_micro"] == pytest.approx(of_one["dice_micro"], abs=5e-3)
    weights = [checkpoint.load(run / "last.pt")[2]["unet"] for run in (alone, shared)]  # type: ignore[index]
    for name in weights[0]:
        torch.testing.assert_close(weights[1][name], weights[0][name], rtol=1e-2, atol=1e-3, msg=name)


@pytest.mark.parametrize("share", [share_statistics, synchronise])
@pytest.mark.parametrize("name", ["resnet18", "efficientnet-lite0"])
def test_shared_statistics_keep_the_network(name: str, share: Callable[[nn.Module], nn.Module]) -> None:
    """Whatever a normalisation holds besides, as timm's the activation behind it, is still computed."""
    torch.manual_seed(1)
    encoder = build_encoder(name)
    network = nn.Sequential(encoder.stem, encoder.pool, *encoder.stages).eval()
    shared = share(copy.deepcopy(network)).eval()
    pixels = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(shared(pixels), network(pixels))
    assert shared.state_dict().keys() == network.state_dict().keys()
    assert not [child for child in shared.modules() if type(child) is nn.BatchNorm2d]


def test_a_batch_must_be_divisible() -> None:
    """Three processes cannot share four crops; the message names a batch that they can."""
    assert Ranks(count=2).share(4) == 2
    with pytest.raises(UserError, match=r"expected a multiple of the 3 processes\. Give --batch 6"):
        Ranks(count=3).share(4)


def test_scores_of_two_halves_are_the_scores_of_all() -> None:
    """Sums of frames, added as vectors, report what all frames together do."""
    planes = torch.randint(0, 5, (6, 2, 8, 8), generator=torch.Generator().manual_seed(0)).byte().numpy()
    parts = [Scores(4), Scores(4), Scores(4)]
    for number, (found, truth) in enumerate(planes):
        parts[number % 2].add(found, truth)
        parts[2].add(found, truth)
    assert Scores.of_sums(parts[0].sums() + parts[1].sums(), 4).report() == pytest.approx(parts[2].report())
