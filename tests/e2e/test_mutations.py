"""Mutated messages at every socket, in short; tests/soak/messages.py sends 100 000."""

from pathlib import Path

from tests.e2e.mutations import attacked, is_as_promised

MESSAGES = 80
"""At each socket."""


def test_mutated_messages_at_every_socket(tmp_path: Path) -> None:
    """Frames, subscriptions, replays, commands, HTTP: each is counted or answered, none ends or fattens the line."""
    found = attacked(tmp_path, MESSAGES)
    print(*found, sep="\n")
    assert is_as_promised(found)
