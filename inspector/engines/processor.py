"""What this processor can do, as far as it matters to a network. Knows: /proc/cpuinfo."""

from __future__ import annotations

import platform
import re
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
SUMS_IN_32_BITS = {"avx512_vnni", "avx_vnni", "amx_int8"}


def cpuinfo() -> str:
    """What the kernel says of the processor; empty where it says nothing."""
    try:
        return CPUINFO.read_text(errors="replace")
    except OSError:
        return ""


def flags() -> tuple[str, ...]:
    """Names of the instruction sets, as the kernel has them, in its order."""
    found = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", cpuinfo(), re.M)
    return tuple(found[1].split()) if found else ()


def saturates() -> bool:
    """Whether products of bytes are added in 16 bits: x86 without VNNI, and x86 of which nothing is known."""
    return platform.machine().lower() in ("x86_64", "amd64") and SUMS_IN_32_BITS.isdisjoint(flags())
