"""What assesses frames: a network on OpenVINO, on TensorRT, or in memory for tests."""

import sys

# OpenVINO reports each import and keeps a client id in the user's home, unless its telemetry package is not there:
# then it takes a stub of its own. None in `sys.modules` is how Python says that a module is not there.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
