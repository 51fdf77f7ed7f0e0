"""What an engine file is: `engine.toml`, written by `deploy` next to the engine, read before the engine runs.

An engine file is executable code, tied to a flavour and version of TensorRT, to GPUs, and to one recipe. It runs only
if the manifest next to it fits all of these, names its hash, and says that it was proven equal to the recipe's ONNX.

Knows: the manifest's file, and what must agree with what. Must not know: TensorRT, ONNX, how to build or to run.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from inspector import plain_file
from inspector.errors import EngineRefused
from inspector.recipe import CARD
from inspector.records.recipe import Recipe

log = logging.getLogger("inspector")

ENGINE, MANIFEST, KERNELS = "engine.plan", "engine.toml", "engine.cache"
"""Files next to `recipe.toml`; the last holds what TensorRT-RTX compiled of the engine for one GPU and driver."""
LOG = "engine.log"
"""What its builder had to say, next to them."""

Precision = Literal["fp16", "int8", "fp32"]
Flavour = Literal["tensorrt", "tensorrt_rtx"]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Ratio = Annotated[float, Meta(ge=0, le=1)]
Apart = Annotated[float, Meta(ge=0)]


class Port(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One input or output of an engine."""

    name: str
    dtype: str
    """numpy's name of it."""
    shape: tuple[int, ...]
    """-1 is the number of frames."""


class Parity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """An engine compared with its reference on the same frames: what `deploy verify` measured."""

    date: str
    """ISO 8601."""
    engine: str
    """Engine, version and precision of the one that was proven."""
    reference: str
    """Engine, version and precision of the one it was held against."""
    source: str
    """Where the frames came from: a folder, or in words."""
    masks: str = ""
    """Folder of their truth; empty where it was known without one, or not at all."""
    frames: Annotated[int, Meta(ge=1)]
    batches: tuple[int, ...]
    """Batch sizes that took turns."""
    label_agreement: Ratio
    """Share of all pixels that both label alike."""
    iou: dict[str, Ratio]
    """Intersection over union of the two, by class name; without the classes that neither found."""
    class_pixels: dict[str, Annotated[int, Meta(ge=0)]] = {}
    """Pixels that either gives to each class, by its name, likewise; empty in a proof of before, which had no such."""
    confidence_difference: Ratio
    """Largest difference of probability where both see the same class."""
    confidence_apart: dict[str, Apart] = {}
    """Mean difference of log-odds over the pixels that both give to a class, by its name; without the classes that have
    none, and empty in a proof of before 0.4, which did not measure it."""
    highest_apart: dict[str, Apart] = {}
    """Likewise of the highest confidence of a class in a frame, over the frames in which both see it."""
    presence_difference: Ratio
    """Largest difference of any class's highest probability in any frame."""
    distance_difference: Apart = 0.0
    """Largest difference of any frame's distance, in units of its limit; beyond the limit, in units of the reference's.

    0 where the recipe measures none, and in a proof of before 0.4, which did not compare it."""
    reported: dict[str, tuple[int, int]] = {}
    """Regions that reference and engine report by the recipe's settings, by class; empty in a proof of before 0.4."""
    unseen: dict[str, tuple[int, int]] = {}
    """How many of them the other gives not one pixel of the class: what the engine loses, and what it invents."""
    not_finite: Annotated[int, Meta(ge=0)] = 0
    """Frames of which either says something that is no finite number, in presence or distance."""
    dice: Ratio | None = None
    """Of the engine against truth, micro, pooled over classes; absent without truth."""
    reference_dice: Ratio | None = None
    """Of the reference, likewise."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What `engine.toml` says."""

    flavour: Flavour
    version: str
    """Of TensorRT; an engine runs with the version that built it and no other."""
    compute_capabilities: Annotated[tuple[str, ...], Meta(min_length=1)]
    """GPUs that it was built for, like "8.9"."""
    gpu: str = ""
    """Name of the one that it was built on, where no other model runs it; empty for TensorRT-RTX, and before 0.4."""
    precision: Precision
    folded: bool
    """True where the recipe's Q/DQ pairs were folded away first: float weights, rounded to INT8's grid."""
    batches: Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(min_length=1)]
    """Batch sizes it was built for, ascending; it takes any from the first to the last and is best at the last."""
    onnx_sha256: Sha256
    """Of the recipe's `model.onnx`."""
    engine_sha256: Sha256
    engine_bytes: int
    built: str
    """Date, ISO 8601."""
    build_seconds: float
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    verified: bool = False
    """True once its parity was measured and is within the bound of its precision."""
    kernels_sha256: Sha256 | None = None
    """Of `engine.cache`, which the proof leaves; absent where nothing is compiled when an engine is loaded."""
    parity: Parity | None = None
    """Absent until it was measured."""


class RuntimeVersion(msgspec.Struct, frozen=True):
    """What an engine would run with here."""

    flavour: Flavour
    version: str


class Misfit(msgspec.Struct, frozen=True):
    """One thing that keeps an engine from running; as text, both in one line."""

    what: str
    """Where it stands, what was found and what was expected."""
    advice: str
    """What to do."""

    def __str__(self) -> str:
        return f"{self.what}. {self.advice}"


def read(folder: Path) -> Manifest:
    """Read the manifest of the engine in a recipe's folder, strictly.

    Raises: EngineRefused naming file, key and what was expected.
    """
    path = folder / MANIFEST
    try:
        return msgspec.convert(tomllib.loads(plain_file.read_text(path)), Manifest)
    except OSError as error:
        raise EngineRefused(f"{path}: cannot be read: {error.strerror}. Run `deploy convert {folder}`.") from error
    except (ValueError, RecursionError) as error:  # tomllib's, msgspec's and text's are ValueErrors
        raise EngineRefused(f"{path}: {error}. Run `deploy convert {folder}` again.") from error


def write(folder: Path, manifest: Manifest) -> None:
    """Write the manifest into a recipe's folder, whole or not at all."""
    replace(folder / MANIFEST, to_toml(manifest).encode())


def to_toml(manifest: Manifest) -> str:
    """Return the manifest as the file holds it."""
    fields: dict[str, Any] = msgspec.to_builtins(manifest)
    tables = {name: value for name, value in fields.items() if isinstance(value, dict)}
    lines = [f"{name} = {_toml(value)}" for name, value in fields.items() if name not in tables]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def replace(path: Path, content: bytes, *, like: Path | None = None) -> None:
    """Replace a file by new content in one step: a reader, and a power cut, see the old one or the new one.

    It may be read by whoever may read `like`, which is the recipe's card next to it where none is given.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    try:
        with partial.open("xb") as file:  # never through a link that somebody else put there
            file.write(content)
            share(file.fileno(), like or path.with_name(CARD))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def share(file: Path | int, like: Path) -> None:
    """Let whoever may read `like` read a file too; nothing where either is not there, or another user's."""
    with contextlib.suppress(OSError):
        plain_file.share(file, like.stat())


def read_engine(folder: Path) -> bytes:
    """Read the engine file in a recipe's folder, unchecked.

    Raises: EngineRefused.
    """
    path = folder / ENGINE
    try:
        return plain_file.read(path)
    except OSError as error:
        raise EngineRefused(f"{path}: cannot be read: {error.strerror}. Run `deploy convert {folder}`.") from error


def read_kernels(folder: Path, manifest: Manifest) -> bytes:
    """Read what was compiled for this engine; empty, and a warning, where that is not what the manifest names."""
    if manifest.kernels_sha256 is None:
        return b""
    path = folder / KERNELS
    try:
        kernels = plain_file.read(path)
    except OSError as error:
        log.warning("%s: cannot be read: %s; kernels are compiled again. Run `deploy verify`.", path, error.strerror)
        return b""
    if hashlib.sha256(kernels).hexdigest() != manifest.kernels_sha256:
        log.warning("%s: altered, and not used; kernels are compiled again. Run `deploy verify`.", path)
        return b""
    return kernels


def write_proof(folder: Path, proven: Manifest, parity: Parity, kernels: bytes, *, verified: bool) -> None:
    """Write what the proof of the engine of `proven` found, and keep the kernels that were compiled for it, if any.

    Raises: EngineRefused when another engine lies there by now.
    """
    if (there := read(folder)).engine_sha256 != proven.engine_sha256:
        raise EngineRefused(
            f"{folder / MANIFEST}: engine_sha256 is {there.engine_sha256}; expected {proven.engine_sha256}, of the "
            f"engine that was proven: it was built again meanwhile. Run `deploy verify {folder}` again."
        )
    (folder / KERNELS).unlink(missing_ok=True)
    if kernels:
        replace(folder / KERNELS, kernels)
    digest = hashlib.sha256(kernels).hexdigest() if kernels else None
    write(folder, msgspec.structs.replace(proven, verified=verified, parity=parity, kernels_sha256=digest))


def faults(
    manifest: Manifest,
    folder: Path,
    recipe: Recipe,
    engine_sha256: str,
    runtime: RuntimeVersion | None,
    *,
    precision: Precision | None = None,
    max_frames: int | None = None,
    verified: bool = True,
) -> tuple[Misfit, ...]:
    """Say all that keeps the engine in `folder` from running here: found, expected, what to do; empty if nothing does.

    `engine_sha256` is of the file as it was found. `runtime` None: no TensorRT is known. `precision`: another one is
    a fault. `max_frames`: the largest batch that will come. `verified` False: an engine that was never proven equal
    passes, so that it can be proven.
    """
    path = folder / MANIFEST
    build = f"Run `deploy convert {folder}` on this machine."
    altered = f"{ENGINE} was altered or truncated and must not run: copy it again, or build it. {build}"
    facts: list[tuple[str, str, str, str, str]] = [
        ("onnx_sha256", manifest.onnx_sha256, recipe.sha256, f"as recipe {recipe} has it", build),
        ("precision", manifest.precision, precision or manifest.precision, "as asked for", build),
    ]
    if runtime is not None:
        facts += [
            ("flavour", manifest.flavour, runtime.flavour, "as is installed", build),
            ("version", manifest.version, runtime.version, f"as is installed of {runtime.flavour}", build),
        ]
    faults = [
        Misfit(f'{path}: {name} is "{found}"; expected "{expected}", {why}', advice)
        for name, found, expected, why, advice in facts
        if found != expected
    ]
    if engine_sha256 != manifest.engine_sha256:
        what = (
            f'{folder / ENGINE}: sha256 is "{engine_sha256}"; expected "{manifest.engine_sha256}", as {MANIFEST} says'
        )
        faults.insert(0, Misfit(what, altered))
    least, most = manifest.batches[0], manifest.batches[-1]
    if max_frames is not None and (least > 1 or most < max_frames):
        what = f"{path}: batches range from {least} to {most}; expected 1 to {max_frames}, as batch.max_frames says"
        faults.append(Misfit(what, f"Lower that, or run `deploy convert {folder} --batches 1,{max_frames}`."))
    if verified and not manifest.verified:
        why = "what was measured is out of bounds" if manifest.parity else "never measured against its ONNX"
        faults.append(Misfit(f"{path}: verified is false ({why}); expected true", f"Run `deploy verify {folder}`."))
    return tuple(faults)


def _toml(value: object) -> str:
    """Write a value as TOML 1.0 on one line; JSON's strings are TOML's but for DEL, which TOML wants escaped."""
    match value:
        case bool() | str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case Mapping():
            return "{ " + ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(_toml(item) for item in value) + "]"
        case _:
            assert isinstance(value, int | float)
            return repr(value)
