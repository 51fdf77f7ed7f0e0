"""The sections that say what assesses frames, and on what."""

from __future__ import annotations

from typing import Annotated, Literal

from inspector.config.reader import Section, key


class RecipeSection(Section, frozen=True):
    """Which network assesses the strip."""

    path: Annotated[str, key("A recipe folder (relative to this file), or the name of a shipped recipe.", min_length=1)]
    screen: Annotated[
        str,
        key(
            "A fast recipe that looks at every frame first, named as `path` is: only what it does not find surely "
            "sound goes to the recipe in `path`. `trainer tune-screen` measures what that loses, and permits it at the "
            "settings that the recipe's classes have then. Empty: none."
        ),
    ] = ""
    screen_audit: Annotated[
        float,
        key(
            "Share of the frames that the screen holds back which the recipe assesses all the same, to count what the "
            "screen misses.",
            "Give a share of 0.001 to 1, like 0.02.",
            ge=0.001,
            le=1,
        ),
    ] = 0.02


class EngineSection(Section, frozen=True):
    """What the network runs on."""

    kind: Annotated[
        Literal["openvino", "tensorrt", "stub"],
        key(
            "The inference engine: `openvino` runs on x86-64 CPUs with AVX and on ARM CPUs, `tensorrt` runs the "
            "engine that `deploy convert` built next to the recipe, on an NVIDIA GPU. `stub` inspects nothing (tests, "
            "benches)."
        ),
    ] = "openvino"
    threads: Annotated[
        int,
        key("Processor threads for `openvino`; 0 takes all.", "Leave it out to use all cores.", ge=0, le=1024),
    ] = 0
    flavour: Annotated[
        Literal["auto", "tensorrt", "tensorrt_rtx"],
        key("Which TensorRT runs a `tensorrt` engine; `auto` takes the one that built it."),
    ] = "auto"
    gpu: Annotated[
        int,
        key(
            "Number of the GPU, as `nvidia-smi` lists them.",
            "0 is the first; CUDA_DEVICE_ORDER may number them otherwise.",
            ge=0,
            le=63,
        ),
    ] = 0
    rebuild: Annotated[
        bool,
        key(
            "Build and verify the `tensorrt` engine again when it is missing or no longer fits machine and recipe, "
            "before frames are taken; else the inspector says what does not fit and exits 78. It takes a recipe folder "
            "that the service may write to: then nothing but that folder's rights guards the engine file."
        ),
    ] = False
    inspects_nothing: Annotated[
        bool,
        key("Must be true with kind `stub`, so that nobody runs a line on it by mistake; false with any other kind."),
    ] = False
