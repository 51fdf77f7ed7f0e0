"""How fast is it: the engine alone, the engine with its copies, and the whole daemon, beside the machine's own roof."""

import inspector.engines  # noqa: F401  (first: it switches OpenVINO's telemetry off)
