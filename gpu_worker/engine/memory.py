"""Memory: taken from the system in large pages, and given back once much of it lies unused.

Buffers of ever different sizes leave holes in glibc's heap, which it keeps: over a novel of 100,000 tokens they grew
to 1.3 GB, more than all that was in use. But a page given back is missed at its next use, and to get it again takes
the system longer than to fill it: given back sixteen times a stage and in pages of 4 KB, that was a fifth of a run.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path

#: How much the process may grow within a stage until it gives memory back, in bytes.
_SLACK = 256 * 2**20


def ask_for_huge_pages() -> None:
    """Let torch ask Linux for pages of 2 MB for its larger buffers; heard only until torch has made its first one.

    The switch is torch's own (`c10/core/impl/alloc_cpu.cpp`); who has set it keeps what they chose.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


def returning_memory(advance: Callable[[float], None]) -> Callable[[float], None]:
    """Return an `advance` that also gives freed memory back: at a stage's end, and when the process has grown."""
    held = _resident()

    def advance_and_return(share: float) -> None:
        nonlocal held
        advance(share)
        if share >= 1 or _resident() > held + _SLACK:
            _give_back()
            held = _resident()

    return advance_and_return


def _resident() -> int:
    """Return how many bytes of memory the process holds, 0 where only another system than Linux would know."""
    if sys.platform != "linux":
        return 0
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def _give_back() -> None:
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own, which other C libraries lack
        if trim is not None:
            trim(0)
