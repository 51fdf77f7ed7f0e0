"""The roof: what this machine does at most in an engine's own arithmetic. Measured, never assumed.

On the CPU by OpenVINO itself: products of large matrices, quantised as a recipe's INT8 graph is or in fp32, and a copy
of memory by numpy. On a GPU by `inspector.bench.gpu_roof`, which needs PyTorch, in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
import time

import msgspec
import numpy as np
import openvino as ov
from openvino import opset13

from inspector.bench.figures import Roof
from inspector.bench.work import core

ROWS, SIDE, LAYERS = 1024, 2048, 4
"""A chain of products, so that quantising the first one's input is a small part."""
COPY_BYTES = 2**28
"""More than caches hold."""
GPU_TIMEOUT_S = 120.0


def measure(kind: str, precision: str, seconds: float, threads: int = 0) -> Roof:
    """Measure the roof of the engine `kind` at a recipe's precision, trying for about `seconds`.

    `threads` of the processor for a CPU engine; 0: all.
    """
    if kind == "openvino":
        int8 = precision == "int8"
        return Roof(
            engine=kind,
            arithmetic="int8" if int8 else "fp32",
            gflops=round(_product(int8=int8, seconds=seconds, threads=threads), 1),
            copy_gb_per_s=round(_copy(seconds), 2),
            how=f"OpenVINO, {LAYERS} products of {ROWS} x {SIDE} by {SIDE} squared; numpy, {COPY_BYTES >> 20} MiB",
        )
    return _gpu(kind, precision, seconds)


def _product(*, int8: bool, seconds: float, threads: int) -> float:
    """Return 10^9 operations a second, the best of several runs."""
    chance = np.random.default_rng(0)
    options = {"PERFORMANCE_HINT": "LATENCY", **({} if int8 else {"INFERENCE_PRECISION_HINT": "f32"})}
    if threads:
        options["INFERENCE_NUM_THREADS"] = str(threads)
    request = core().compile_model(_chain(chance, int8=int8), "CPU", options).create_infer_request()
    left = chance.standard_normal((ROWS, SIDE)).astype(np.float32)
    request.set_input_tensor(0, ov.Tensor(left, shared_memory=True))
    return 2 * LAYERS * ROWS * SIDE * SIDE / _best_s(request.infer, seconds) / 1e9


def _chain(chance: np.random.Generator, *, int8: bool) -> ov.Model:
    first = last = opset13.parameter([ROWS, SIDE], np.float32)
    for _ in range(LAYERS):
        weights = opset13.constant(0.02 * chance.standard_normal((SIDE, SIDE)).astype(np.float32))
        if int8:  # signed, symmetric, as `trainer export` quantises
            last = opset13.fake_quantize(last, *_range(8.0, 128), 256)
            weights = opset13.fake_quantize(weights, *_range(0.1, 127), 255)
        last = opset13.matmul(last, weights, False, False)
    whole = opset13.constant(np.array([0, 1]))
    return ov.Model([opset13.reduce_max(last, whole, False)], [first])


def _range(reach: float, steps: int) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    low, high = np.float32(-reach), np.float32(reach * 127 / steps)
    return low, high, low, high


def _copy(seconds: float) -> float:
    source = np.ones(COPY_BYTES, np.uint8)
    target = np.zeros_like(source)
    return COPY_BYTES / _best_s(lambda: np.copyto(target, source), seconds / 4) / 1e9


def _best_s(work: object, seconds: float) -> float:
    """Run `work` again and again for `seconds`, at least twice after once for warmth; return the shortest time."""
    assert callable(work)
    work()
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < 2 or time.perf_counter() < until:
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def _gpu(kind: str, precision: str, seconds: float) -> Roof:
    """Ask a process of its own, whose CUDA context goes with it; what stands in the way becomes `how`."""
    words = [sys.executable, "-m", "inspector.bench.gpu_roof", precision, str(seconds)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=GPU_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        why = f"the product did not end within {GPU_TIMEOUT_S:g} s"
    else:
        if done.returncode == 0:
            return msgspec.structs.replace(msgspec.json.decode(done.stdout, type=Roof), engine=kind)
        why = (done.stderr.strip() or f"ended with exit code {done.returncode}").splitlines()[-1]
    how = f"not measured: {why}"
    return Roof(engine=kind, arithmetic=precision, gflops=None, copy_gb_per_s=None, how=how)
