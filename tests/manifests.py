"""Manifests of engines that were never built, for tests of what reads them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from inspector.engines.nvidia import manifest
from inspector.engines.nvidia.manifest import Manifest, Port
from inspector.records.recipe import Recipe

ENGINE = b"not an engine: nobody runs it"


def describe(card: Recipe, **changes: Any) -> Manifest:
    """Make a manifest that fits `ENGINE` and the recipe, but for `changes`."""
    rows, columns = card.height, card.width
    facts = {
        "flavour": "tensorrt_rtx",
        "version": "1.7.1.116",
        "compute_capabilities": ("8.6", "8.9"),
        "precision": "fp16",
        "folded": True,
        "batches": (1, 2),
        "onnx_sha256": card.sha256,
        "engine_sha256": hashlib.sha256(ENGINE).hexdigest(),
        "engine_bytes": len(ENGINE),
        "built": "2026-11-22T20:00:00+00:00",
        "build_seconds": 1.5,
        "inputs": (Port("frames", "uint8", (-1, rows, columns)), Port("thresholds", "float32", (len(card.classes),))),
        "outputs": (
            Port("labels", "uint8", (-1, rows, columns)),
            Port("confidence", "uint8", (-1, rows, columns)),
            Port("presence", "float32", (-1, len(card.classes))),
        ),
    }
    return Manifest(**{**facts, **changes})


def write_engine(folder: Path, card: Recipe, **changes: Any) -> Manifest:
    """Write `engine.plan` and its manifest; return the latter."""
    made = describe(card, **changes)
    (folder / manifest.ENGINE).write_bytes(ENGINE)
    manifest.write(folder, made)
    return made
