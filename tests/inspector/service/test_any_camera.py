"""Cameras of any size, from the message to the defect: wide, tall, small and scaled ones on one recipe."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import numpy as np
import pytest

from inspector import wire
from inspector.analysis.analyse import Analyse
from inspector.config.camera import CameraSection
from inspector.demand import Demand
from inspector.engines.stub import Stub, grey_is_class
from inspector.engines.tiled import Tiled
from inspector.intake.accept import Accept
from inspector.intake.decoding import Decoders
from inspector.intake.overload import policies
from inspector.intake.settings import IntakeSection
from inspector.records.frame import Bytes2D
from inspector.records.stages import Findings, Inferred, Loss
from tests.frames import HEIGHT, RECIPE, WIDTH, camera

CAMERAS = [
    camera("wide", width=95, height=HEIGHT, offset_mm=100.0),
    camera("tall", height=64, mm_per_row=0.5, offset_mm=300.0),
    camera("small", width=7, height=3, offset_mm=400.0),
    camera("fine", width=80, height=40, mm_per_px=0.25, mm_per_row=0.25, scale=True, offset_mm=500.0),
    camera("plain"),
]
BY = msgspec.structs.replace(RECIPE, mm_per_px=1.0)


@contextmanager
def intake(cameras: list[CameraSection]) -> Iterator[Accept]:
    """Give an intake without a socket."""
    rasters = {section.name: section.raster(BY) for section in cameras}
    shape = 8, max(r.seen_rows for r in rasters.values()), max(r.seen_px for r in rasters.values())
    accept = Accept(
        cameras,
        shape,
        lambda count: np.full((count, *shape[1:]), 1, np.uint8),  # what lies beyond a frame must not matter
        Demand(2),
        policies=policies(cameras, IntakeSection(bind="tcp://127.0.0.1:*")),
        max_bytes=1_000_000,
        decoders=lambda work: Decoders(1, work, lambda: None),
        rasters=rasters,
    )
    try:
        yield accept
    finally:
        accept.close()


def picture(of: CameraSection) -> Bytes2D:
    """Draw a sound frame of a camera, with a bright block of the lower right quarter."""
    raster = of.raster(BY)
    pixels = np.zeros(raster.sent, np.uint8)
    pixels[raster.rows // 2 :, raster.px // 2 :] = 2
    return pixels


def findings(cameras: list[CameraSection], pictures: dict[str, Bytes2D], encoding: str = "raw8") -> Findings:
    """Send one frame of each camera to the analysis."""
    with intake(cameras) as accept:
        for name, pixels in pictures.items():
            header, payload = wire.frame_message(
                pixels, camera=name, boot="b", number=0, captured_ns=0, encoding=encoding
            )
            accept.take(wire.encode(header, payload), 2, 0)
        while accept.is_pending:
            accept.collect()
        batch = accept.leave(0)
    if not len(batch.pixels):
        return Findings(arrivals=tuple(batch.losses()), closed_ns=0)
    tiled = Tiled(Stub(BY, see=grey_is_class(2)), BY, batch.pixels.shape[1:], 3)
    tiled.submit(batch.pixels, batch.sizes())
    return Analyse(cameras)(Inferred(batch, BY, tiled.result()))


@pytest.mark.parametrize("encoding", ["raw8", "png"])
def test_every_camera_s_defect_lies_where_it_was(encoding: str) -> None:
    """Frames wider, taller, smaller than the recipe's, and one scaled to it, in one batch: one defect each."""
    found = findings(CAMERAS, {section.name: picture(section) for section in CAMERAS}, encoding)
    assert not found.losses
    seen = {arrival.frame.header.camera: arrival.detections for arrival in found.inspected}
    assert seen.keys() == {section.name for section in CAMERAS}
    for section in CAMERAS:
        raster = section.raster(BY)
        (defect,) = seen[section.name]
        box = defect.start_mm, defect.end_mm, defect.left_mm, defect.right_mm
        assert box == (
            raster.rows // 2 * section.mm_per_row,
            raster.rows * section.mm_per_row,
            section.offset_mm + raster.px // 2 * section.mm_per_px,
            section.offset_mm + raster.px * section.mm_per_px,
        )
        assert defect.area_mm2 == pytest.approx((box[1] - box[0]) * (box[3] - box[2]))


def test_a_sound_small_frame_has_no_defect() -> None:
    """What lies beyond a frame that fills its plane only in part is no strip and never a defect."""
    small = CAMERAS[2]
    (arrival,) = findings(CAMERAS, {"small": np.zeros(small.raster(BY).sent, np.uint8)}).inspected
    assert arrival.detections == ()


def test_a_frame_of_another_size_than_its_camera_s() -> None:
    """Each camera's frames have its own size: another camera's is rejected, and the words name both."""
    plain = np.zeros((HEIGHT, WIDTH), np.uint8)
    (loss,) = findings(CAMERAS, {"wide": plain}).arrivals
    assert isinstance(loss, Loss) and loss.reason == "size"
