"""Lets glibc keep freed memory, so that what one training step frees serves the next.

Page faults otherwise take up to half the time of a step:

- glibc maps blocks of more than 32 MB (less until it has seen such a block freed) anew each time.
  JAX asks for all that a step needs beside its variables in one block: at a batch of 2,048 and
  histories of 30 a step of quotient-remainder took 76 ms, and takes 36.
- Other threads than the first have heaps of 64 MB, into which larger blocks do not go, and which
  are unmapped when empty. So all threads share the first one's, but for those that are there
  already: what is here comes first in a process.
- TensorFlow's generator data set sets M_TRIM_THRESHOLD to 128 KiB: an epoch on the synthetic set
  took 15.8 s of CPU time with it, 8.5 s without.
"""

import ctypes
import sys

# Of mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_KEPT_BYTES = 1 << 30
_HEAP_BLOCK = 32 << 20
"""The largest M_MMAP_THRESHOLD that older versions of glibc take."""

KEPT = {
    "MALLOC_MMAP_THRESHOLD_": str(_KEPT_BYTES),
    "MALLOC_TRIM_THRESHOLD_": str(_KEPT_BYTES),
    "MALLOC_ARENA_MAX": "1",
}
"""The same for a process that is started with these variables of the environment."""


def keep_freed_memory() -> None:
    """Has freed memory kept from now on.

    Does nothing where malloc has no such settings, as on macOS and with musl.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if library is not None and hasattr(library, "mallopt"):
        if not library.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES):
            library.mallopt(_M_MMAP_THRESHOLD, _HEAP_BLOCK)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        library.mallopt(_M_ARENA_MAX, 1)
