"""`python -m inspector.bench.gpu_roof PRECISION SECONDS`: a GPU's roof by PyTorch, as JSON on standard output.

PyTorch is looked up by name, for the inspector neither has nor needs it: where it is not installed (a mill PC), the
roof is not known, and the bench reports that. No other module may import this one's `torch`.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from inspector.bench.figures import Roof

SIDE = 8192
COPY_BYTES = 2**30


def measure(torch: Any, device: str, precision: str, seconds: float, *, side: int, copy_bytes: int) -> Roof:
    """Measure a matrix product in `precision` (`int8`, `fp16`, `fp32`) and a copy on `device`, for `seconds` each."""
    kind = {"int8": torch.int8, "fp16": torch.float16, "fp32": torch.float32}[precision]
    if precision == "int8":
        left = torch.randint(-128, 127, (side, side), dtype=kind, device=device)
        right = torch.randint(-128, 127, (side, side), dtype=kind, device=device).t()  # column-major, as cuBLAS wants
        multiply = torch._int_mm  # the one INT8 product that PyTorch has; its sums are int32
    else:
        left = torch.randn(side, side, device=device).to(kind)
        right = torch.randn(side, side, device=device).to(kind)
        multiply = torch.mm
    source = torch.ones(copy_bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    product_s = _best_s(lambda: multiply(left, right), wait, seconds)
    copy_s = _best_s(lambda: target.copy_(source), wait, seconds / 2)
    name = torch.cuda.get_device_name() if device == "cuda" else device
    return Roof(
        engine="",
        arithmetic=precision,
        gflops=round(2 * side**3 / product_s / 1e9, 3),
        copy_gb_per_s=round(copy_bytes / copy_s / 1e9, 2),
        how=f"PyTorch {torch.__version__} on {name}, {side} x {side} squared; {copy_bytes >> 20} MiB copied there",
    )


def _best_s(work: Callable[[], object], wait: Callable[[], object], seconds: float) -> float:
    """Return the shortest time of `work`: ten at a time, for about `seconds`, at least twice after once for warmth."""
    times: list[float] = []
    until = 0.0
    while len(times) < 3 or time.perf_counter() < until:
        wait()
        began = time.perf_counter()
        for _ in range(10):
            work()
        wait()
        times.append((time.perf_counter() - began) / 10)
        until = until or time.perf_counter() + seconds
    return min(times[1:])


def main(precision: str, seconds: str) -> int:
    """Print the roof of the first GPU."""
    try:
        torch = importlib.import_module("torch")
    except ModuleNotFoundError:
        print("PyTorch is not installed, and nothing else here multiplies matrices on a GPU", file=sys.stderr)
        return 1
    if not torch.cuda.is_available():
        print(f"PyTorch {torch.__version__} sees no GPU here", file=sys.stderr)
        return 1
    print(
        msgspec.json.encode(
            measure(torch, "cuda", precision, float(seconds), side=SIDE, copy_bytes=COPY_BYTES)
        ).decode()
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
