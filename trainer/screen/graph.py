"""A screen as it is deployed: the one graph that every recipe is, its maps as coarse as its cells.

Knows the recipe's contract and ONNX; must not know recipes or runs.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from inspector.records.confidence import EVEN, LEAST, MOST, PER_UNIT
from trainer.recipe.graph import fold_batch_norms, write_deployed
from trainer.screen.network import CELL_PX, ScreenNet


class DeployedScreen(nn.Module):
    """Wraps a trained screen.

    `forward(frames (N, H, W) uint8, thresholds (1,) float32)` returns labels and confidence (N, H, W) uint8, equal
    within a cell, and presence (N, 1) float32, the highest probability of a cell: what every recipe's graph returns.
    """

    def __init__(self, screen: ScreenNet) -> None:
        super().__init__()
        self.screen = screen.eval()

    def forward(self, frames: Tensor, thresholds: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return labels, confidence and presence."""
        height, width = frames.shape[-2:]
        logits = self.screen(frames.float()[:, None])
        probabilities = logits.sigmoid()
        presence = probabilities.amax((2, 3))
        reached = probabilities >= thresholds[:, None, None]
        codes = (logits * PER_UNIT + EVEN).round().clamp(LEAST, MOST)  # a logit is log-odds already
        cells = torch.cat((reached.float(), torch.where(reached, codes, 0.0)), 1)
        maps = functional.interpolate(cells, scale_factor=float(CELL_PX), mode="nearest")[..., :height, :width]
        return maps[:, 0].to(torch.uint8), maps[:, 1].to(torch.uint8), presence


def write_screen(screen: ScreenNet, height_px: int, width_px: int, path: Path) -> None:
    """Write a screen's graph in fp32 for frames of this size; its batch norms are folded, in place."""
    write_deployed(DeployedScreen(fold_batch_norms(screen)), 1, height_px, width_px, path)
