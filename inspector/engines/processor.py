"""What this processor can do, as far as it matters to a network. Knows: /proc/cpuinfo."""

from __future__ import annotations

import platform
import re
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
X86 = ("x86_64", "amd64")
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
    return platform.machine().lower() in X86 and SUMS_IN_32_BITS.isdisjoint(flags())


def lacks(instructions: str) -> bool:
    """Whether this is an x86 without these instructions, as the kernel names them; where nothing is known, no."""
    known = flags()
    return platform.machine().lower() in X86 and bool(known) and instructions not in known
