"""TensorRT-RTX, emulated: `import tensorrt_rtx_bindings` finds this where this folder is on the path."""

import enum

from tests.emulator import nvinfer
from tests.emulator.nvinfer import *  # noqa: F403

__version__ = "1.7.1+emulated"


class ComputeCapability(enum.Enum):
    SM75, SM80, SM86, SM89, SM120 = range(5)


class CudaGraphStrategy(enum.Enum):
    DISABLED, WHOLE_GRAPH_CAPTURE = range(2)


class DynamicShapesKernelSpecializationStrategy(enum.Enum):
    LAZY, EAGER, NONE = range(3)


class Engine(nvinfer.Engine):  # type: ignore[no-redef]  # the full TensorRT's, with what RTX adds
    def create_runtime_config(self) -> nvinfer.RuntimeConfig:
        return nvinfer.RuntimeConfig()


class Runtime(nvinfer.Runtime):  # type: ignore[no-redef]  # likewise
    makes = Engine

    def get_engine_validity(self, plan: bytes) -> tuple[str, int]:
        return ("VALID", 0) if plan.startswith(nvinfer.MARK) else ("INVALID", 32)
