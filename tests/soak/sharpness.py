"""False blur on procedural steel, and what a real blur does: `python -m tests.soak.sharpness [COILS]`.

Each coil is 200 frames of steel of its own, with defects and lookalikes, under its own light, all seen by one camera.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from inspector.camera_health.settings import CameraHealthSection
from inspector.camera_health.watch import CameraHealth
from inspector.simulator.sheet import Sheet
from tests.frames import camera
from tests.inspector.camera_health.test_usual import blurred
from tests.inspector.camera_health.test_watch import Line

FRAMES = 200
LIMITS = CameraHealthSection(silent_s=0)
SIGMAS_PX = (0.7, 1.0, 1.5, 2.0, 3.0, 4.0)


def main(coils: int) -> bool:
    """Print what was reported of sound steel, and by how many cameras of blurred steel; return whether as promised."""
    lines = {edges: Line(LIMITS) for edges in ("none", "both")}
    for edges, line in lines.items():
        line.health = CameraHealth([camera("top", edges=edges, mm_per_px=0.625)], LIMITS, lambda: 0)
    began_s, frames = time.monotonic(), 0
    for seed in range(2000, 2000 + coils):
        sheet = Sheet(seed, defects_per_m=3, lookalikes_per_m=4)
        for index in range(FRAMES):
            frames += 1
            pixels = sheet.frame(index).pixels
            for line in lines.values():
                line.send(pixels, coil=f"C{seed}", width=1600, height=256, crc32=frames)
    false = [event for line in lines.values() for event in line.reported if event.fault in ("blurred", "misaligned")]
    print(f"{frames} frames of {coils} coils, {time.monotonic() - began_s:.0f} s: {len(false)} false", flush=True)
    state = lines["none"].health.state()
    for sigma_px in SIGMAS_PX:
        raised = sum(_is_raised(state, seed, sigma_px) for seed in range(3000, 3010))
        print(f"blur of {sigma_px} px: raised on {raised} of 10 coils", flush=True)
    return not false and raised == 10


def _is_raised(state: bytes, seed: int, sigma_px: float) -> bool:
    """Whether the camera of a state is blurred when it sees another coil so."""
    line = Line(LIMITS)
    line.health = CameraHealth([camera("top", mm_per_px=0.625)], LIMITS, lambda: 0)
    line.health.restore(state, 0)
    sheet = Sheet(seed, defects_per_m=3, lookalikes_per_m=4)
    for number, index in enumerate(np.arange(120) * 16 // FRAMES):
        line.send(blurred([sheet.frame(int(index)).pixels], sigma_px)[0], crc32=number)
    return any(event.fault == "blurred" for event in line.reported)


if __name__ == "__main__":
    sys.exit(not main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
