"""What PyTorch makes of a device: its matrix roof, its bus, and the trainer's network as the reference speed.

`python -m tests.bench.torch_speed --device cuda --json FILE`, a step of `make gpu-check`. The network has random
weights (speed does not ask for others), in channels_last as the trainer has it; fp16 on a GPU, fp32 on a CPU.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch

from inspector.bench import gpu_roof

CANNOT = 77
"""Exit code for a device that is not there (`deploy.gpu_check.steps.SKIP`)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure one device, print the figures and write them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], required=True)
    parser.add_argument("--size", default="256x1600", help="rows x columns of a frame (%(default)s)")
    parser.add_argument("--batches", default="1,4,8,16")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement (%(default)s)")
    parser.add_argument("--side", type=int, default=8192, help="of the matrices (%(default)s)")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args(argv)
    if args.device == "cuda" and not torch.cuda.is_available():
        print(f"PyTorch {torch.__version__} sees no GPU here", file=sys.stderr)
        return CANNOT
    height, width = map(int, args.size.split("x"))
    found: dict[str, Any] = {"torch": str(torch.__version__), "roofs": [], "network": []}
    for precision in ("fp16", "int8"):
        roof = gpu_roof.measure(torch, args.device, precision, args.seconds, side=args.side, copy_bytes=args.side**2)
        found["roofs"].append(msgspec.to_builtins(roof))
    if args.device == "cuda":
        found["bus"] = bus(16 * height * width)
    if importlib.util.find_spec("torchvision") is None:  # the network is torchvision's; the rest is worth having
        print("torchvision is not installed: the network is not measured", file=sys.stderr)
        args.batches = ""
    peak = found["roofs"][0]["gflops"]
    for batch in map(int, filter(None, args.batches.split(","))):
        row = network(args.device, batch, height, width, args.seconds)
        row["of_roof"] = round(row["frames_per_s"] * gflop(height, width) / peak, 4)
        found["network"].append(row)
    args.json.write_bytes(msgspec.json.encode(found))
    print(msgspec.json.format(msgspec.json.encode(found)).decode())
    return 0


def network(device: str, batch: int, height: int, width: int, seconds: float) -> dict[str, Any]:
    """Time the trainer's ResNet-34 U-Net on batches that lie on the device; the median counts."""
    from trainer.learn.unet import UNet

    kind = torch.float16 if device == "cuda" else torch.float32
    unet = UNet("resnet34").eval().to(device, kind).to(memory_format=torch.channels_last)
    frames = torch.full((batch, 1, height, width), 128.0, device=device, dtype=kind)
    with torch.inference_mode():
        times = _times_s(lambda: unet(frames), device, seconds)
    return {
        "batch": batch,
        "dtype": str(kind),
        "frames_per_s": round(batch / statistics.median(times), 2),
        "p50_ms": round(1000 * statistics.median(times), 3),
    }


def gflop(height: int, width: int) -> float:
    """Count 10^9 operations of one frame, a multiplication and an addition as two, by the shapes of its layers."""
    from trainer.learn.unet import UNet

    total = 0

    def add(layer: torch.nn.Conv2d, _: object, out: torch.Tensor) -> None:
        nonlocal total
        total += 2 * out.numel() * layer.weight[0].numel()

    unet = UNet("resnet34").eval().to("meta")
    for layer in unet.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(add)
    unet(torch.empty(1, 1, height, width, device="meta"))
    return total / 1e9


def bus(size: int) -> dict[str, float]:
    """Copy a batch in from pageable and from pinned memory, and while a product runs on another stream."""
    pageable = torch.ones(size, dtype=torch.uint8)
    pinned = torch.ones(size, dtype=torch.uint8).pin_memory()
    there = torch.empty(size, dtype=torch.uint8, device="cuda")
    square = torch.randn(4096, 4096, device="cuda", dtype=torch.float16)
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def copy() -> None:
        for _ in range(8):
            there.copy_(pinned, non_blocking=True)

    def at_once() -> None:
        with torch.cuda.stream(aside):
            copy()
        torch.mm(square, square)

    def in_turn() -> None:
        copy()
        torch.mm(square, square)

    best = {work: min(_times_s(work, "cuda", 0.5)) for work in (at_once, in_turn)}
    return {
        "pageable_in_gb_per_s": round(size / min(_times_s(lambda: there.copy_(pageable), "cuda", 0.5)) / 1e9, 2),
        "pinned_in_gb_per_s": round(8 * size / min(_times_s(copy, "cuda", 0.5)) / 1e9, 2),
        "copy_with_product_by_in_turn": round(best[at_once] / best[in_turn], 3),
    }


def _times_s(work: Callable[[], object], device: str, seconds: float) -> list[float]:
    """Time each run for so long, at least twice, after three for warmth."""
    wait: Callable[[], object] = torch.cuda.synchronize if device == "cuda" else lambda: None
    for _ in range(3):
        work()
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < 2 or time.perf_counter() < until:
        wait()
        began = time.perf_counter()
        work()
        wait()
        times.append(time.perf_counter() - began)
    return times


if __name__ == "__main__":
    sys.exit(main())
