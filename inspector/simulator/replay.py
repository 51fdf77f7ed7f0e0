"""`inspector replay`: be the camera of a line, from the command line.

Knows: the options, and how they make pictures, coils and faults. Must not know: sockets' options, the wire.
"""

from __future__ import annotations

import argparse
import math
import sys
from functools import partial
from typing import TypeVar

import msgspec
import zmq

from inspector.camera.camera import left_words
from inspector.errors import InspectorError, SocketError
from inspector.images.head import MAX_DECODED_BYTES, MAX_SIDE_PX
from inspector.signals import Flag
from inspector.simulator import camera_faults, options, planted
from inspector.simulator.camera import Coil, Sent, SimulatedCamera
from inspector.simulator.folder import ImageFolder
from inspector.simulator.rolls import RollMark
from inspector.simulator.sheet import Sheet
from inspector.simulator.thumbnail import Thumbnail
from inspector.words import counted

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `inspector replay`."""
    options.add_camera(parser)
    strip = parser.add_argument_group("what passes under the camera")
    options.add_coils(strip)
    options.add_scale(strip)
    options.add_steel(parser.add_argument_group("procedural steel, where there are no images"))
    options.add_sending(parser.add_argument_group("how it is sent"))
    options.add_faults(parser.add_argument_group("what goes wrong on the way"))
    options.add_files(parser.add_argument_group("what is written"))


def run(args: argparse.Namespace, stop: Flag | None = None) -> int:
    """Send the coils and report what was sent; `stop`, which any thread may set, ends it early.

    Raises: InspectorError for an option that cannot be; SocketError when no frame is taken.
    """
    if max(args.width, args.height) > MAX_SIDE_PX or args.width * args.height > MAX_DECODED_BYTES:
        raise InspectorError(
            f"--width {args.width} --height {args.height}: expected at most {MAX_SIDE_PX} px a side and "
            f"{MAX_DECODED_BYTES / 1e6:.0f} million pixels. Give the size of a frame, not of a coil."
        )
    if args.images and (args.planted or args.roll_mark):
        raise InspectorError("--planted and --roll-mark are of procedural steel; leave them out, or --images.")
    faults = camera_faults.parse(args.fault, args.freeze_s, args.lasting_frames)
    thumbnail = Thumbnail()
    truth: list[planted.PlantedRow] = []
    with zmq.Context() as context:
        camera = SimulatedCamera(
            context,
            args.connect,
            args.camera,
            transport=args.transport,
            side=args.side,
            mm_per_row=args.mm_per_row,
            rate_fps=args.rate,
            encoding=args.encoding,
            faults=faults,
            seed=args.fault_seed,
            watch=thumbnail.add if args.thumbnail else None,
            patience_s=args.patience,
            key=args.key,
            stop=stop,
        )
        try:
            _pass(args, camera, truth)
        except BaseException:
            camera.close(0.0)
            raise
        else:
            camera.close(args.patience)
        finally:
            _write(args, thumbnail, truth)
    sent = camera.sent
    print(msgspec.json.encode(sent).decode() if args.json else words(sent), flush=True)
    if sent.left:
        raise SocketError(f"{args.connect}: {left_words(sent.left, args.patience)}")
    return 0


def _pass(args: argparse.Namespace, camera: SimulatedCamera, truth: list[planted.PlantedRow]) -> None:
    """Send the coils; `truth` takes what was planted in what has passed, also where that ends early."""
    marks = tuple(args.roll_mark)
    for number, name in enumerate(args.coil):
        coil, sheet = _coil(args, number, name, marks)
        try:
            camera.replay(coil)
        finally:
            passed_mm = camera.passed * args.height * args.mm_per_row
            if sheet and passed_mm:
                truth += planted.rows(name, sheet, coil.start_mm, coil.start_mm + passed_mm, coil.lost_mm)
        marks = tuple(mark.after(passed_mm) for mark in marks)  # the next coil begins at --start-mm, too


def _write(args: argparse.Namespace, thumbnail: Thumbnail, truth: list[planted.PlantedRow]) -> None:
    """Write the files that were asked for."""
    if args.thumbnail:
        thumbnail.save(args.thumbnail)
    if args.planted:
        planted.write(truth, args.planted)


def words(sent: Sent) -> str:
    """Write in one line what a camera did."""
    faults = ", ".join(f"{name} {count}" for name, count in sent.faults.items() if count) or "none"
    went = f"sent {counted(sent.messages, 'frame')}, {sent.good} of them good; {sent.missing} missing; faults: {faults}"
    return went + (f"; the last {sent.left} may be lost" if sent.left else "")


def _coil(args: argparse.Namespace, number: int, name: str, marks: tuple[RollMark, ...]) -> tuple[Coil, Sheet | None]:
    """Make coil `number` of a sequence, and the steel that it is of."""
    frames, metres = _of(args.frames, number), _of(args.metres, number)
    frame_mm = args.height * args.mm_per_row
    if metres is not None:
        frames = math.ceil(metres * 1000 / frame_mm)
    if args.images:
        folder = ImageFolder(
            args.images,
            args.width,
            args.height,
            args.window,
            partial(print, file=sys.stderr, flush=True),
            pads=args.pad,
        )
        frames = len(folder) if frames is None else frames
        lost_mm = _lost(args, number, args.start_mm, frames)
        return Coil(name=name, pictures=folder, frames=frames, start_mm=args.start_mm, lost_mm=lost_mm), None
    sheet = _sheet(args, number, marks)
    first = round(args.start_mm / args.mm_per_row)
    start_mm = first * args.mm_per_row
    coil = Coil(
        name=name,
        pictures=lambda index: sheet.strip(first + index * sheet.rows, sheet.rows).pixels,
        frames=frames,
        start_mm=start_mm,
        lost_mm=_lost(args, number, start_mm, frames),
    )
    return coil, sheet


def _sheet(args: argparse.Namespace, number: int, marks: tuple[RollMark, ...]) -> Sheet:
    """Make the steel of coil `number`."""
    size = {"width_px": args.width, "rows": args.height}
    scale = {"mm_per_px": args.mm_per_px, "mm_per_row": args.mm_per_row}
    density = {"defects_per_m": args.defects_per_m, "lookalikes_per_m": args.lookalikes_per_m}
    try:
        return Sheet(args.seed + number, **size, **scale, **density, marks=marks, look=args.look)
    except ValueError as error:
        raise InspectorError(str(error)) from None


def _of(values: list[T] | None, number: int) -> T | None:
    """The value of coil `number`."""
    return None if values is None else values[min(number, len(values) - 1)]


def _lost(args: argparse.Namespace, number: int, start_mm: float, frames: int | None) -> tuple[float, float] | None:
    """What of coil `number` is never sent: the frames that show strip of the stretch asked for, millimetres."""
    if args.lose is None or number:
        return None
    metres, frame_mm = args.lose, args.height * args.mm_per_row
    end_mm = math.inf if frames is None else start_mm + frames * frame_mm
    if not (1000 * metres[0] < end_mm and 1000 * metres[1] > start_mm):
        raise InspectorError(
            f"--lose {metres[0]:g}-{metres[1]:g}: the first coil lies from {start_mm / 1000:g} to {end_mm / 1000:g} m; "
            "expected metres of it. Give others, or make it longer."
        )
    first = max(0, math.floor((1000 * metres[0] - start_mm) / frame_mm))
    last = max(first, math.ceil((1000 * metres[1] - start_mm) / frame_mm))
    return start_mm + first * frame_mm, start_mm + last * frame_mm
