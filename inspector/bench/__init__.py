"""How fast is it: the engine alone, with its copies, and the whole daemon, compared with the machine's own roof."""

import inspector.engines  # noqa: F401  (first: it switches OpenVINO's telemetry off)
