"""Files that are gone after use, in the system's folder for them; errors say that it is that one.

TensorFlow and LiteRT read from files only, and say of a full disk that the model cannot be saved.
"""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_FULL = os.strerror(errno.ENOSPC)
"""What TensorFlow's errors quote, too."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yields an empty folder that is removed after the block.

    Raises:
        OSError: it cannot be made or filled, by the name of the system's folder.
    """
    with _making():
        folder = tempfile.TemporaryDirectory()
    with folder as name, _filling():
        yield Path(name)


@contextmanager
def temporary_file() -> Iterator[IO[bytes]]:
    """Yields an empty file without a name, open for reading and writing.

    Raises:
        OSError: it cannot be made or filled, by the name of the system's folder.
    """
    with _making():
        file = tempfile.TemporaryFile()  # noqa: SIM115
    with _filling(), file:  # closing it writes what is left
        yield file


@contextmanager
def _making() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _error(error.errno or errno.EIO, error.strerror or str(error)) from error


@contextmanager
def _filling() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            if _FULL in str(cause):
                raise _error(errno.ENOSPC, _FULL) from error
            cause = cause.__cause__
        raise


def _error(number: int, reason: str) -> OSError:
    hint = "make room for temporary files there, or set TMPDIR to another folder"
    # No folder where none of those that Python looks for can be used: the reason lists them.
    return OSError(number, f"{reason}; {hint}", tempfile.tempdir or "TMPDIR")
