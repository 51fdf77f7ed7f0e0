"""The intake that a configuration asks for: its transport, and the sizes of its cameras' frames.

Knows: the sections. Must not know: what becomes of a batch.
"""

from __future__ import annotations

from collections.abc import Mapping

import zmq

from inspector.access.gate import Gate
from inspector.demand import Demand
from inspector.intake.credit import CreditIntake
from inspector.intake.filling import Allocate
from inspector.intake.gathering import PlaneShare, plane_share
from inspector.intake.overload import policies
from inspector.intake.push import Intake
from inspector.intake.receipts import Receipts
from inspector.records.recipe import Recipe
from inspector.service.line import Config
from inspector.signals import Flag


def plane_shares(settings: Config, card: Recipe) -> Mapping[str, PlaneShare]:
    """Return how many frames of each camera share a plane, by its name."""
    wait_ns, credit_frames = settings.batch.gather_ms * 1_000_000, 0
    if settings.intake.transport == "credit":
        credit_frames = settings.intake.credit_frames
    by_camera = policies(settings.camera, settings.intake)
    return {
        camera.name: plane_share(camera, card, wait_ns, credit_frames, by_camera[camera.name].max_age_ns)
        for camera in settings.camera
    }


def open_intake(
    context: zmq.Context[zmq.Socket[bytes]],
    settings: Config,
    card: Recipe,
    *,
    stop: Flag,
    demand: Demand,
    allocate: Allocate,
    receipts: Receipts,
    gate: Gate,
) -> Intake:
    """Bind the socket that frames come in by; `receipts` knows, in credit mode, the frames that are on disk.

    `gate` says who may send.

    Raises: SocketError when the address cannot be bound.
    """
    is_credit = settings.intake.transport == "credit"
    kind = CreditIntake if is_credit else Intake
    rasters = {camera.name: camera.raster(card) for camera in settings.camera}
    shares = plane_shares(settings, card)
    return kind(
        context,
        settings.intake,
        settings.batch,
        cameras=settings.camera,
        height=max(shares[name].frames * raster.seen_rows for name, raster in rasters.items()),
        width=max(raster.seen_px for raster in rasters.values()),
        stop=stop,
        demand=demand,
        allocate=allocate,
        window=card.window,
        rasters=rasters,
        shares=shares,
        known=receipts.known() if is_credit else None,
        door=gate.door("intake", settings.intake.bind, without_keys=settings.intake.without_keys),
    )
