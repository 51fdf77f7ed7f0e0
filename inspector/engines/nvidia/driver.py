"""The NVIDIA driver, asked through its own library: is it here, and which GPUs does it drive?

Knows: libcuda.so.1's first few calls (CUDA Driver API: cuInit, cuDeviceGet*). Must not know: TensorRT, engines.
"""

from __future__ import annotations

import ctypes
import os

import msgspec

from inspector.errors import EngineError, EngineRefused

LIBRARY = "libcuda.so.1"
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE


class Gpu(msgspec.Struct, frozen=True):
    """One GPU that the driver sees."""

    name: str
    compute_capability: str
    """Like "8.9"."""


def gpus(library: str = LIBRARY) -> tuple[Gpu, ...]:
    """Return the GPUs of this machine, at least one, in the order of their slots.

    Raises: EngineError when there is no driver, no GPU, or the driver refuses.
    """
    cuda = load(library)
    count = ctypes.c_int()
    ask(cuda.cuInit(0), cuda)
    ask(cuda.cuDeviceGetCount(ctypes.byref(count)), cuda)
    if not count.value:
        ask(_NO_DEVICE, cuda)
    return tuple(_describe(cuda, place) for place in range(count.value))


def order_by_slot() -> None:
    """Number GPUs as `nvidia-smi` does, by their slots, unless the environment says otherwise; before CUDA begins.

    Left to itself CUDA has the fastest one first, so that one number would be two cards.
    """
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")


def load(name: str = LIBRARY) -> ctypes.CDLL:
    """Load the driver's library.

    Raises: EngineError when there is none.
    """
    order_by_slot()
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise EngineError(
            f"no NVIDIA driver was found: {name} cannot be loaded ({error}). "
            "Install the driver and see that `nvidia-smi` lists the GPU; in a container, pass the GPU in."
        ) from error


def numbered(number: int) -> Gpu:
    """Return the GPU of this number in the order of their slots.

    Raises: EngineError without a driver, which may come yet; EngineRefused when there are fewer.
    """
    found = gpus()
    if number >= len(found):
        names = ", ".join(gpu.name for gpu in found)
        raise EngineRefused(
            f"GPU {number} is not there; expected 0..{len(found) - 1} for {names}. Correct engine.gpu, or --gpu."
        )
    return found[number]


def _describe(cuda: ctypes.CDLL, place: int) -> Gpu:
    device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    ask(cuda.cuDeviceGet(ctypes.byref(device), place), cuda)
    ask(cuda.cuDeviceGetName(name, len(name), device), cuda)
    digits = []
    for attribute in (_MAJOR, _MINOR):
        digit = ctypes.c_int()
        ask(cuda.cuDeviceGetAttribute(ctypes.byref(digit), attribute, device), cuda)
        digits.append(str(digit.value))
    return Gpu(name.value.decode(errors="replace"), ".".join(digits))


def ask(code: int, cuda: ctypes.CDLL) -> None:
    """Raise EngineError in the driver's own words unless `code` is CUDA_SUCCESS."""
    if code == 0:
        return
    words = ctypes.c_char_p()
    cuda.cuGetErrorString(code, ctypes.byref(words))
    reason = (words.value or b"unknown error").decode(errors="replace")
    what = "sees no GPU" if code == _NO_DEVICE else "refuses"
    raise EngineError(
        f"the NVIDIA driver {what}: error {code}, {reason}. See what `nvidia-smi` says; "
        "after an update of the driver, restart the machine."
    )
