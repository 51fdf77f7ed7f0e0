"""Which of the shipped recipes a demo runs: the one that finds more on its steel, where this machine keeps up with it.

Knows: what each shipped recipe has learnt, and what a frame of it costs here. Must not know: the daemon.
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import msgspec
import numpy as np

from inspector import recipe
from inspector.demo.plan import SHOWN_FRAMES, USUAL_S, WIDTH_PX
from inspector.engines.openvino import OpenVino
from inspector.simulator.looks import PLAIN

FULL, FAST = "steel-r34", "steel-fast"
LEAST_FPS = SHOWN_FRAMES / USUAL_S
"""Of a machine that shows all in a drive of usual length."""
ROUNDS = 3


class RecipeChoice(msgspec.Struct, frozen=True):
    """A recipe and why it is the one."""

    recipe: str
    """Of a shipped recipe the name, otherwise a folder."""
    reason: str


def choose_recipe(look: str) -> RecipeChoice:
    """Return the shipped recipe for steel of a look, on this machine."""
    if look != PLAIN:
        return RecipeChoice(FAST, f"which has learnt the look `{look}`")
    return within_budget(capacity_fps(FULL))


def within_budget(able_fps: float) -> RecipeChoice:
    """Return the full recipe where this many frames a second show a whole drive of usual length, else the fast one."""
    rates = f"{FULL} infers {able_fps:.1f} frames/s here, and {LEAST_FPS:.1f} show all"
    return RecipeChoice(FULL, f"the better one: {rates}") if able_fps >= LEAST_FPS else RecipeChoice(FAST, rates)


def capacity_fps(name: str) -> float:
    """Return how many of the demo's frames a second all cores that this process may use infer with a shipped recipe.

    By processor time: what else the machine does now is no reason for another recipe.
    """
    card, model = recipe.load(recipe.find(name, Path()))
    engine = OpenVino(card, model)
    planes = np.full((math.ceil(WIDTH_PX / card.width), card.height, card.width), 88, np.uint8)
    spent_s = []
    for _ in range(1 + ROUNDS):  # the first one still prepares
        began_s = time.process_time()
        engine.submit(planes)
        engine.result()
        spent_s.append(time.process_time() - began_s)
    return len(os.sched_getaffinity(0)) / max(min(spent_s[1:]), 1e-6)
