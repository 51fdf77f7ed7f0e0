"""What to do when a run's tensors find no room; knows torch's ways of saying so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from trainer.errors import OutOfMemory
from trainer.settings import Settings

CPU_FULL = "can't allocate memory"  # torch's allocator on the CPU has no error type of its own
IN_A_LOADER = "DataLoader worker"
SHARED_FULL = ("Bus error", "shared memory", "No space left on device", "Too many open files", "Killed")
"""What is found, in any line of any error of the chain, where loading processes hand batches over in /dev/shm and that
is full, or where one of them was ended for want of memory.
"""


@contextmanager
def explain_shortage(settings: Settings) -> Iterator[None]:
    """Turn every way in which memory ends into OutOfMemory, with what was tried and what to try instead."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError, of GPUs, is a RuntimeError
        lines = [line.strip() for line in _lines(error)] or ["MemoryError"]
        reason = lines[0]
        full = [line for line in lines if any(words in line for words in SHARED_FULL)]
        if full and any(IN_A_LOADER in line for line in lines):
            raise OutOfMemory(
                f"a loading process found no room ({full[-1]}); expected batches to fit into /dev/shm. Give "
                "--workers 0 (and --resume, where RUN/last.pt is), or the machine (a container: --shm-size) more."
            ) from error
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or CPU_FULL in reason:
            raise OutOfMemory(f"{reason}; expected room for {_advice(settings)}") from error
        raise


def _lines(error: BaseException | None) -> Iterator[str]:
    """Yield every line that an error and those it came from say."""
    while error is not None:
        yield from str(error).splitlines()
        error = error.__cause__ or error.__context__


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
