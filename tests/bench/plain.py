"""A plain U-Net of segmentation_models_pytorch on our folds: what `trainer crossval` is compared with.

Plain is what its users begin with: `smp.Unet` as it comes, crops flipped and half of them on a defect, cross-entropy
and Dice, Adam at a rate that falls to 0 as a cosine. Frames, folds, pixels seen, arithmetic and the assessment are
ours, so that the figures can be compared. Interrupted, the same command goes on.

    python -m tests.bench.plain DATA --only manifest.csv:kind=full_masks --encoder resnet34 --crops 4800 --out FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import msgspec
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from trainer.commands.arguments import DATA_HELP, ONLY_HELP, count
from trainer.crossval import table
from trainer.crossval.assess import Assessed, assess_frames
from trainer.crossval.pooled import pool
from trainer.data.samples import Frames
from trainer.data.split import open_data
from trainer.files import replace_file
from trainer.learn.crops import Crops, CropSettings
from trainer.learn.depthwise import FastDepthwise
from trainer.learn.encoders import pretrained, timm_names
from trainer.learn.network import choose_precision
from trainer.settings import EFFICIENTNETS, Settings

SIDE_PX, BATCH, LR = 256, 8, 1e-3
MEAN, STD = 88.0, 45.0  # of Severstal's grey levels
SAVE_STEPS = 50
FOLDS, EDGES_PX = 5, 5
ENCODERS = ("resnet18", "resnet34", "resnet50", *EFFICIENTNETS)
AS_IT_IS = CropSettings(SIDE_PX, SIDE_PX, defect_share=0.5)
"""Their light is not asked for. Crops anywhere had EfficientNet-Lite0 learn from 2 400 that all is sound (LOG.md)."""


class Plain(nn.Module):
    """`smp.Unet` for grey levels (N, 1, H, W) float32."""

    def __init__(self, encoder: str, classes: int, weights: str | None) -> None:
        super().__init__()
        import segmentation_models_pytorch as smp  # an extra of benches alone

        name = f"tu-tf_{encoder.replace('-', '_')}" if encoder in EFFICIENTNETS else encoder
        self.unet: nn.Module = smp.Unet(name, encoder_weights=None, in_channels=1, classes=1 + classes)
        if weights:
            state = pretrained(encoder, weights)
            getattr(self.unet.encoder, "model", self.unet.encoder).load_state_dict(timm_names(state))

    def forward(self, frames: Tensor) -> Tensor:
        """Return logits (N, 1 + C, H, W)."""
        logits: Tensor = self.unet((frames - MEAN) / STD)
        return logits


def teach(network: Plain, frames: Frames, crops: int, run: Path) -> None:
    """Teach a network `crops` crops, or go on where an earlier call was stopped."""
    import segmentation_models_pytorch as smp

    steps = crops // BATCH
    optimiser = torch.optim.Adam(network.parameters(), lr=LR)
    curve = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    overlap: nn.Module = smp.losses.DiceLoss("multiclass")
    path, begun = run / "last.pt", 0
    if path.is_file():
        kept = torch.load(path, weights_only=True)
        network.load_state_dict(kept["network"])
        optimiser.load_state_dict(kept["optimiser"])
        curve.load_state_dict(kept["curve"])
        begun = kept["step"]
    network.train().to(memory_format=torch.channels_last)
    is_half = choose_precision("auto", torch.device("cpu")) == "bf16"
    for step, (pixels, labels) in enumerate(_batches(frames, crops, begun), begun + 1):
        with torch.autocast("cpu", torch.bfloat16, enabled=is_half), FastDepthwise():
            logits = network(pixels).float()
        loss = nn.functional.cross_entropy(logits, labels) + overlap(logits, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        curve.step()
        if step % SAVE_STEPS == 0 or step == steps:
            state = {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "curve": curve.state_dict()}
            with replace_file(path) as temporary:
                torch.save({"step": step, **state}, temporary)
            print(f"{run.name}: step {step} of {steps}, loss {loss.item():.3f}", flush=True)


def _batches(frames: Frames, crops: int, begun: int) -> Iterator[tuple[Tensor, Tensor]]:
    every = Crops(frames, crops, 0, AS_IT_IS)
    left = torch.utils.data.Subset(every, range(begun * BATCH, crops // BATCH * BATCH))
    for crop in DataLoader(left, BATCH):
        yield crop.pixels.float().to(memory_format=torch.channels_last), crop.labels.long()


def one_fold(given: argparse.Namespace, number: int, run: Path) -> list[Assessed]:
    """Teach and assess a fold, unless that is done."""
    done = run / "assessed.jsonl"
    if done.is_file():
        return msgspec.json.Decoder(Assessed).decode_lines(done.read_bytes())
    torch.manual_seed(number)
    train, held_out = open_data(Settings(data=given.data, only=given.only, fold=f"{number}/{FOLDS}"))
    network = Plain(given.encoder, len(train.class_names), given.weights)
    teach(network, train, given.crops, run)
    found = assess_frames(network, held_out, flips=True, edges_px=EDGES_PX)
    with replace_file(done) as temporary:
        temporary.write_bytes(msgspec.json.Encoder().encode_lines(found))
    return found


def main() -> None:
    """Cross-validate, and print and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", metavar="DATA", help=DATA_HELP)
    parser.add_argument("--only", metavar="CSV:COLUMN=VALUE", help=ONLY_HELP)
    parser.add_argument("--encoder", choices=ENCODERS, default="resnet34")
    parser.add_argument("--weights", help="imagenet, or a state dict's file; with an efficientnet alone")
    parser.add_argument("--crops", type=count, default=4800, help="of 256 x 256 px, that each fold learns from")
    every = range(1, FOLDS + 1)
    parser.add_argument("--fold", type=int, nargs="+", choices=every, default=every, help="of five (default: all)")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    given = parser.parse_args()
    by_fold = []
    for number in given.fold:
        by_fold.append(one_fold(given, number, given.out / f"fold-{number}"))
        print(table.progress(pool(by_fold, draws=0)), flush=True)
    text = table.markdown(pool(by_fold))
    with replace_file(given.out / "report.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
