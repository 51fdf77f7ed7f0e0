"""The full TensorRT, emulated: `import tensorrt` finds this where this folder is on the path."""

from tests.emulator.nvinfer import *  # noqa: F403

__version__ = "11.0.0+emulated"
