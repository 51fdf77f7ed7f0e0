"""Copies a frame into its plane of the batch, scaled where the network wants it so.

Knows: pixels, a camera's raster. Must not know: headers, which plane is free.
"""

from __future__ import annotations

import cv2

from inspector.config.camera import Raster
from inspector.records.frame import Bytes2D


def fill(plane: Bytes2D, pixels: Bytes2D, raster: Raster) -> None:
    """Copy a frame into the corner of its plane, scaled where the network wants it so."""
    rows, px = raster.seen
    if pixels.shape == raster.seen:
        plane[:rows, :px] = pixels
        return
    is_smaller = rows <= pixels.shape[0] and px <= pixels.shape[1]
    plane[:rows, :px] = cv2.resize(pixels, (px, rows), interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR)
