"""Options that all ZeroMQ sockets of the inspector and of its clients share."""

HEARTBEAT_MS = 2000
DEAD_AFTER_MS = 10_000  # longer than a subscriber pauses for breath, shorter than TCP takes
HANDSHAKE_MS = 5000
