"""A folder of procedural steel in Kaggle's layout: what the training benches read, as their users' files lie."""

from __future__ import annotations

from pathlib import Path

import cv2

from inspector.simulator.sheet import Sheet
from trainer.data import rle

JPEG_QUALITY = 95


def write_steel(folder: Path, frames: int, seed: int = 77) -> Path:
    """Write that many frames of 1600 x 256 px as JPEGs, with their `train.csv`; return the folder."""
    (folder / "train_images").mkdir(parents=True)
    sheet = Sheet(seed, defects_per_m=4)
    rows = ["ImageId,ClassId,EncodedPixels"]
    for number in range(frames):
        frame = sheet.frame(number)
        name = f"{number:05}.jpg"
        cv2.imwrite(str(folder / "train_images" / name), frame.pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        rows += [
            f"{name},{class_id},{rle.encode(frame.labels == class_id)}"
            for class_id in range(1, 5)
            if (frame.labels == class_id).any()
        ]
    (folder / "train.csv").write_text("\n".join(rows))
    return folder
