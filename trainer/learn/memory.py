"""What to do when a run's tensors find no room; knows torch's ways of saying so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from trainer.faults import OutOfMemory
from trainer.settings import Settings

CPU_FULL = "can't allocate memory"  # torch's allocator on the CPU has no error type of its own
SHARED_FULL = ("Bus error", "shared memory", "No space left on device")
"""What DataLoader says where its processes hand batches over in /dev/shm and that is full."""


@contextmanager
def explain_shortage(settings: Settings) -> Iterator[None]:
    """Turn every way in which memory ends into OutOfMemory, with what was tried and what to try instead."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError, of GPUs, is a RuntimeError
        said = str(error).splitlines()[0] if str(error) else "MemoryError"
        if "DataLoader worker" in said and any(words in said for words in SHARED_FULL):
            raise OutOfMemory(
                f"a loading process found no room ({said}); expected batches to fit into /dev/shm. Go on with "
                "--resume --workers 0, or give the machine (a container: --shm-size) more."
            ) from error
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or CPU_FULL in said:
            raise OutOfMemory(f"{said}; expected room for {_advice(settings)}") from error
        raise


def _advice(settings: Settings) -> str:
    whole = "whole frames" if settings.full_frame_share == 1 else ""
    crop = f"crops of {settings.crop_height_px} x {settings.crop_width_px} px"
    later = ", at last of whole frames" if 0 < settings.full_frame_share < 1 else ""
    if settings.batch > 1:
        smaller = f"--batch {settings.batch // 2}"
    elif later or whole:
        smaller = "--full-frame-share 0, that is, crops"
    else:
        smaller = f"--crop {max(32, settings.crop_height_px // 64 * 32)}x{max(32, settings.crop_width_px // 64 * 32)}"
    return (
        f"{settings.batch} {whole or crop}{later} a step. Start again with {smaller}; "
        "--start RUN/best.pt keeps what is learnt."
    )
