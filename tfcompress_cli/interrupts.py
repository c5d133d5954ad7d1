"""Ctrl-C that is not lost.

Python raises KeyboardInterrupt wherever the main thread is, and drops it where nothing can be
raised: in callbacks of weak references, which JAX makes at most steps of a training. So it is
noted, too, and raised once more where a command next tells of its progress.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_noted: list[int] = []
"""Numbers of the signals that came."""


@contextmanager
def noting() -> Iterator[None]:
    """Inside, interrupts are noted; call it in the main thread.

    Where they are ignored, as in the background of a shell's script, they stay so.
    """
    _noted.clear()
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _noted.clear()


def check() -> None:
    """Raises `KeyboardInterrupt` if there was one."""
    if _noted:
        raise KeyboardInterrupt


def _note(number: int, frame: FrameType | None) -> None:
    _noted.append(number)
    signal.default_int_handler(number, frame)
