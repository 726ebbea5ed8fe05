"""How this processor adds products of 8 bits."""

import platform
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_X86 = {"x86_64", "AMD64"}
_INSTRUCTIONS = {"avx512_vnni", "avx_vnni"}


@cache
def adds_in_32_bits() -> bool:
    """Whether every product goes into a sum of 32 bits, as with VNNI. Other x86 processors add two of them in 16 bits
    first, which hold the sum only if one factor keeps to 7 bits, or take twice as long. False where it is not known."""
    if platform.machine() not in _X86:
        return True
    try:
        return bool(_INSTRUCTIONS & set(_CPUINFO.read_text().split()))
    except OSError:
        # There is none; or a network is tried where no file may be opened.
        return False
