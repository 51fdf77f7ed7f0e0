"""A customer's set that this project has never seen: five classes, frames of every size, most of them sound."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from trainer.data.samples import Plane

CALLED = ("dent", "rolled-in scale", "Kratzer", "oil spot", "Überwalzung")
NAMES = ("dent", "rolled-in-scale", "Kratzer", "oil-spot", "Uberwalzung")
"""As a recipe may call them."""
LIGHT = (-90, -50, 50, 90, -115)
Layout = Literal["index", "folders", "coco"]


def drawn(count: int, least_px: int, most_px: int) -> Iterator[tuple[Plane, Plane]]:
    """Yield pixels and labels of frames with sides of `least_px` to `most_px`; every third has one defect."""
    rng = np.random.default_rng(5)
    for number in range(count):
        height, width = (int(side) for side in rng.integers(least_px, most_px + 1, 2))
        pixels = rng.normal(120, 8, (height, width))
        labels = np.zeros((height, width), np.uint8)
        if number % 3 == 0:
            class_id = 1 + number // 3 % len(CALLED)
            top, left = int(rng.integers(0, height - 50)), int(rng.integers(0, width - 60))
            labels[top : top + 40, left : left + 50] = class_id
            pixels[labels > 0] += LIGHT[class_id - 1]
        yield np.clip(pixels, 0, 255).astype(np.uint8), labels


def write_set(
    folder: Path, layout: Layout, *, deep: bool = False, count: int = 45, least_px: int = 100, most_px: int = 250
) -> Path:
    """Write a set and return what DATA names: 12 bits in 16 where `deep`, else alternating grey and colour JPEGs."""
    (folder / "images").mkdir(parents=True)
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for number, (pixels, labels) in enumerate(drawn(count, least_px, most_px)):
        name = f"{number:03}.{'png' if deep else 'jpg'}"
        colour = np.repeat(pixels[..., None], 3, axis=2) if number % 2 else pixels
        cv2.imwrite(str(folder / "images" / name), pixels.astype(np.uint16) * 16 if deep else colour)
        images.append({"id": number, "file_name": name, "height": pixels.shape[0], "width": pixels.shape[1]})
        for class_id in np.unique(labels[labels > 0]).tolist():
            x, y, w, h = cv2.boundingRect((labels == class_id).astype(np.uint8))
            shape = {"id": len(annotations), "image_id": number, "category_id": class_id}
            annotations.append({**shape, "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]]})
            if layout == "folders":
                (folder / "masks" / CALLED[class_id - 1]).mkdir(parents=True, exist_ok=True)
                mask = (labels == class_id).astype(np.uint8) * 255
                cv2.imwrite(str(folder / "masks" / CALLED[class_id - 1] / f"{number:03}.png"), mask)
        if layout == "index":
            (folder / "masks").mkdir(exist_ok=True)
            cv2.imwrite(str(folder / "masks" / f"{number:03}.png"), labels)
    if layout != "coco":
        return folder
    kinds = [{"id": number, "name": name, "supercategory": "defects"} for number, name in enumerate(CALLED, 1)]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 0, "name": "defects"}, *kinds]}
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder / "annotations.json"
