"""What the pixels of a frame are like, in numbers that a person can name. Pure."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
DARK_GREY = 14
"""Below it there is no strip: black was 0 to 11 on the real frames."""
TILE_PX, STEP_PX = 128, 64
OCTAVES = (("0", 0, 1), *((f"{2**n}-{2 ** (n + 1)}", 2**n, 2 ** (n + 1)) for n in range(6)))
"""Cycles a tile; `0` is what does not vary that way."""
JPEG_QUALITY = 90
"""Severstal's frames are JPEGs with the tables of this quality (read from their files)."""


def as_filed(pixels: Plane) -> Plane:
    """Return a frame after the loss that the real ones went through: their blocks must not give the others away."""
    _, file = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return np.asarray(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE), np.uint8)


def measure(pixels: Plane) -> dict[str, float] | None:
    """Return features of a frame (H, W) by name, None where it shows hardly any strip."""
    on_strip = cv2.blur((pixels > DARK_GREY).astype(np.float32), (31, 31)).mean(0) > 0.6
    if on_strip.sum() < 3 * TILE_PX:
        return None
    found = {"strip, share of the frame": float(on_strip.mean())}
    steel = pixels[:, on_strip].astype(np.float32)
    found |= _levels(steel) | _profiles(steel) | _edges(steel) | _spectrum(steel)
    return found


def _levels(steel: npt.NDArray[np.float32]) -> dict[str, float]:
    shares = (1, 5, 25, 50, 75, 95, 99)
    found = {f"grey, {share} %": float(np.percentile(steel, share)) for share in shares}
    found["grey, share at 250 and more"] = float(np.log10(1e-6 + (steel >= 250).mean()))
    return found


def _profiles(steel: npt.NDArray[np.float32]) -> dict[str, float]:
    """Means of columns (what is constant along the travel) and of rows, slow and fast, relative to the mean."""
    across, along = steel.mean(0) / steel.mean(), steel.mean(1) / steel.mean()
    slow = cv2.GaussianBlur(across[None], (0, 0), 40)[0]
    middle = cv2.GaussianBlur(across[None], (0, 0), 6)[0]
    rows = cv2.GaussianBlur(along[None], (0, 0), 6)[0]
    ramp = np.polyfit(np.linspace(-1, 1, len(along)), along, 2)
    return {
        "profile across, slow": _log(slow.std()),
        "profile across, bands": _log((middle - slow).std()),
        "profile across, streaks": _log((across - middle).std()),
        "profile along, ramp": float(ramp[1]),
        "profile along, bow": float(ramp[0]),
        "profile along, slow": _log(rows.std()),
        "profile along, lines": _log((along - rows).std()),
    }


def _edges(steel: npt.NDArray[np.float32]) -> dict[str, float]:
    level = np.maximum(cv2.GaussianBlur(steel, (0, 0), 12), 8)
    fine = np.asarray((steel - cv2.GaussianBlur(steel, (0, 0), 2)) / level, np.float32)
    coarse = (cv2.GaussianBlur(steel, (0, 0), 2) - cv2.GaussianBlur(steel, (0, 0), 12)) / level
    across, along = np.abs(np.diff(steel, axis=1)), np.abs(np.diff(steel, axis=0))
    blocks = _blocks(fine)
    found = {
        "gradient across": _log(across.mean()),
        "gradient along": _log(along.mean()),
        "gradient across, 99 %": _log(np.percentile(across, 99)),
        "gradient along, 99 %": _log(np.percentile(along, 99)),
        "local contrast, 10 %": _log(np.percentile(blocks, 10)),
        "local contrast, 50 %": _log(np.percentile(blocks, 50)),
        "local contrast, 90 %": _log(np.percentile(blocks, 90)),
        "local contrast, 99 %": _log(np.percentile(blocks, 99)),
        "contrast and level": float(np.corrcoef(blocks.ravel(), _blocks_mean(steel).ravel())[0, 1]),
    }
    for name, texture in (("fine", fine), ("coarse", coarse)):
        deviation = texture.std() + 1e-9
        scaled = np.clip((texture - texture.mean()) / deviation, -12, 12)
        found[f"{name} texture, skewness"] = float((scaled**3).mean())
        found[f"{name} texture, log kurtosis"] = _log((scaled**4).mean())
        low, high = np.percentile(scaled, (0.5, 99.5))
        found[f"{name} texture, dark tail"], found[f"{name} texture, bright tail"] = float(-low), float(high)
    return found


def _blocks(texture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    rows, px = (side // 16 * 16 for side in texture.shape)
    return texture[:rows, :px].reshape(rows // 16, 16, px // 16, 16).std(axis=(1, 3))


def _blocks_mean(texture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    rows, px = (side // 16 * 16 for side in texture.shape)
    return texture[:rows, :px].reshape(rows // 16, 16, px // 16, 16).mean(axis=(1, 3))


def _spectrum(steel: npt.NDArray[np.float32]) -> dict[str, float]:
    """Log power by octaves along and across, of windowed tiles relative to their means."""
    window = np.hanning(TILE_PX).astype(np.float32)
    window = window[:, None] * window
    powers = []
    for top in range(0, steel.shape[0] - TILE_PX + 1, STEP_PX):
        for left in range(0, steel.shape[1] - TILE_PX + 1, STEP_PX):
            tile = steel[top : top + TILE_PX, left : left + TILE_PX]
            tile = (tile / max(float(tile.mean()), 8.0) - 1) * window
            powers.append(np.abs(np.fft.rfft2(tile - tile.mean() * window)) ** 2)
    power = np.median(powers, axis=0)  # of tiles: a defect in a few of them is not the steel's texture
    along = np.abs(np.fft.fftfreq(TILE_PX) * TILE_PX)[:, None]
    across = (np.fft.rfftfreq(TILE_PX) * TILE_PX)[None]
    found = {}
    for rows_name, low_row, high_row in OCTAVES:
        for px_name, low_px, high_px in OCTAVES:
            chosen = (along >= low_row) & (along < high_row) & (across >= low_px) & (across < high_px)
            if (rows_name, px_name) != ("0", "0"):
                found[f"power, {rows_name} along, {px_name} across"] = _log(power[chosen].mean())
    return found


def _log(value: float | np.floating) -> float:
    return float(np.log10(float(value) + 1e-9))
