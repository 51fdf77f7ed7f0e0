"""A recipe that says when a frame is unlike all it was taught on: graph and card rewritten, the proof printed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import cv2
import msgspec
import numpy as np
import onnx

from inspector import recipe
from inspector.records.recipe import Recipe
from trainer.data.samples import Frames, Plane
from trainer.recipe.distance import BEYOND, FeatureGraph, UsualFeatures, with_distance
from trainer.recipe.evaluate import pad
from trainer.recipe.export import write_recipe

SWEPT = 20
"""Frames that are changed on purpose, spread over those that were taught."""
GAMMAS = (0.4, 0.6, 0.8, 1.25, 1.7, 2.5)
BLURS_PX = (1.0, 2.0, 4.0, 8.0)
NOISES_GREY = (5.0, 15.0, 30.0)


def specify(
    folder: Path,
    taught: Frames,
    others: Mapping[str, Frames],
    say: Callable[[str], None],
    *,
    beyond: float = BEYOND,
    sweep: bool = True,
) -> Recipe:
    """Let the recipe's graph measure distance from `taught`, write it, and report how far `others` and sweeps are.

    `beyond`: the share of frames like `taught` that lies beyond the limit.

    Raises: RecipeError, UserError.
    """
    card, model = recipe.load(folder)
    plain = onnx.load_from_string(model)
    size, encoder = (card.height, card.width), FeatureGraph(plain, len(card.classes))
    usual = UsualFeatures(encoder.features(pad(taught[index], *size) for index in range(len(taught))), beyond)
    made = with_distance(plain, usual).SerializeToString()
    fields = msgspec.to_builtins(card) | {
        "sha256": hashlib.sha256(made).hexdigest(),
        "measures_distance": True,
        "screen": None,  # it permitted another recipe's screen
    }
    written = write_recipe(folder, made, fields)
    if card.screen:
        say(f"warning: {folder}: its permission for {card.screen.recipe} is gone: run `trainer tune-screen` again")
    say(f"{folder}: rewritten; learnt from {len(taught)} frames, limit {usual.limit:.3f} deviations")
    sets = {name: _all_filled(frames, size) for name, frames in others.items()}
    if sweep:
        chosen = np.unique(np.linspace(0, len(taught) - 1, SWEPT).astype(int)).tolist()
        sets |= sweeps([pad(taught[index], *size) for index in chosen])
    for name, frames in sets.items():
        found = usual.distances(encoder.features(frames))
        say(
            f"{name:24} {len(found):4} frames, distance {np.median(found):.2f} "
            f"({found.min():.2f} to {found.max():.2f}), beyond the limit {np.mean(found > 1):.0%}"
        )
    return written


def sweeps(frames: Sequence[Plane]) -> dict[str, Iterator[Plane]]:
    """Return frames (H, W) uint8 that a camera may send one day and a recipe was not taught on, by what was done."""
    changed: dict[str, Iterator[Plane]] = {f"gamma {gamma:g}": map(partial(_curved, gamma), frames) for gamma in GAMMAS}
    changed |= {f"blur, {sigma_px:g} px": map(partial(_blurred, sigma_px), frames) for sigma_px in BLURS_PX}
    changed |= {f"noise, {grey:g} grey levels": map(partial(_noisy, grey), frames) for grey in NOISES_GREY}
    height, width = frames[0].shape
    for grey in (0, 92, 255):
        changed[f"nothing but grey {grey}"] = iter([np.full((height, width), grey, np.uint8)])
    changed["floor plate"] = (floor_plate(height, width, period_px) for period_px in (110, 140, 170, 200))
    return changed


def floor_plate(height_px: int, width_px: int, period_px: int) -> Plane:
    """Draw the pattern of a floor plate: bright ridges that cross, on dark steel."""
    rows, columns = np.mgrid[:height_px, :width_px]
    ridges = [np.abs((columns + slope * rows) % period_px - period_px / 2) < 6 for slope in (2, -2)]
    plate = np.where(ridges[0] | ridges[1], 190.0, 90.0)
    noise = np.random.default_rng(period_px).normal(0, 5, plate.shape)
    return np.asarray(np.clip(plate + noise, 0, 255).astype(np.uint8))


def _curved(gamma: float, frame: Plane) -> Plane:
    return np.asarray((255 * (np.arange(256) / 255) ** gamma).round().astype(np.uint8)[frame])


def _noisy(deviation_grey: float, frame: Plane) -> Plane:
    noise = np.random.default_rng(int(frame.sum())).normal(0, deviation_grey, frame.shape)
    return np.asarray(np.clip(frame + noise, 0, 255).astype(np.uint8))


def _blurred(sigma_px: float, frame: Plane) -> Plane:
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma_px), np.uint8)


def _all_filled(frames: Frames, size: tuple[int, int]) -> Iterator[Plane]:
    return (_filled(frames.grey(index), size) for index in range(len(frames)))


def _filled(frame: Plane, size: tuple[int, int]) -> Plane:
    """Return a frame of this size: a larger one cut, a smaller one mirrored until it is full."""
    frame = frame[: size[0], : size[1]]
    missing = [(0, wanted - has) for wanted, has in zip(size, frame.shape, strict=True)]
    return np.pad(frame, missing, mode="symmetric")
