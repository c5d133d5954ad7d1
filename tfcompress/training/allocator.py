"""Lets glibc keep freed memory from one training step to the next."""

import ctypes
import sys
from typing import Any

import keras

# Of mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_KEPT_BYTES = 1 << 30
_HEAP_BLOCK = 32 << 20
"""The largest M_MMAP_THRESHOLD that older versions of glibc take."""


class KeepFreedMemory(keras.callbacks.Callback):
    """Has the memory of a step serve the next one, where otherwise page faults take half the time.

    - glibc maps blocks of more than 32 MB (less until it has seen such a block freed) anew each
      time. JAX asks for all that a step needs beside its variables in one block: at a batch of
      2,048 and histories of 30 a step of tensor train took 49 ms, and takes 30.
    - TensorFlow's generator data set sets M_TRIM_THRESHOLD to 128 KiB: an epoch on the synthetic
      set took 15.8 s of CPU time with it, 8.5 s without. The data set is made inside `fit`.
    """

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Acts before the first step."""
        del logs
        keep_freed_memory()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Acts again once TensorFlow's data set is there."""
        del logs
        if batch == 0 and keras.backend.backend() == "tensorflow":
            keep_freed_memory()


def keep_freed_memory() -> None:
    """Has freed memory kept from now on.

    Best before the backend starts its threads: others than the first have heaps of 64 MB, which are
    unmapped when empty, but those that start later share the first one's. In half of all trainings
    on JAX a step took up to 1.6 times as long where this came after them.

    Does nothing where malloc has no such settings, as on macOS and with musl.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if library is not None and hasattr(library, "mallopt"):
        if not library.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES):
            library.mallopt(_M_MMAP_THRESHOLD, _HEAP_BLOCK)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        library.mallopt(_M_ARENA_MAX, 1)
