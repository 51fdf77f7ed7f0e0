"""Ports: nobody has them, and no two processes are given the same."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import ExitStack

import msgspec
import pytest

from inspector.errors import InspectorError
from inspector.harness.ports import FIRST, HOST, LAST, SHARE, Ports

TAKE = """
import sys, msgspec
from inspector.harness.ports import Ports
print([port for _ in range(20) for port in msgspec.structs.astuple(Ports.free())], flush=True)
sys.stdin.read()
"""


def test_processes_that_ask_at_once_are_given_different_ones() -> None:
    """As long as they live, whether they have bound them or not."""
    processes = [
        subprocess.Popen([sys.executable, "-c", TAKE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)
    ]
    taken = [port for _ in range(20) for port in msgspec.structs.astuple(Ports.free())]
    for process in processes:
        assert process.stdout is not None
        taken += msgspec.json.decode(process.stdout.readline())
    for process in processes:
        process.communicate()
    assert len(set(taken)) == len(taken) == 400
    assert all(FIRST <= port < LAST for port in taken)


def test_a_port_that_is_in_use_is_not_given() -> None:
    """Nor one next to it, for they come in rows; where all are in use, it says so."""
    rounds = SHARE // len(Ports.__struct_fields__)
    first = Ports.free()
    with socket.create_server((HOST, first.http)):  # takes a port where connections of before linger
        assert first not in [Ports.free() for _ in range(rounds)]
    with ExitStack() as holders, pytest.raises(InspectorError, match="End what uses them"):
        for _ in range(rounds + 1):
            holders.enter_context(socket.create_server((HOST, Ports.free().events)))
    Ports.free()
