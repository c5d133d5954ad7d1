"""The content of a .tflite file: read from a path, or as a caller gives it."""

from os import PathLike
from pathlib import Path
from typing import Any

from tfcompress.errors import ModelError
from tfcompress.validation import shown


def read_file(path: Path) -> bytes:
    """The content of a file; raises `ModelError` where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error


def file_bytes(argument: str, value: Any) -> bytes:
    """The bytes of a file that an argument holds.

    Args:
        argument: str. What errors call it.
        value: bytes, bytearray or memoryview.

    Raises:
        ModelError: It is anything else.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    hint = "; give Path(...).read_bytes()" if isinstance(value, (str, PathLike)) else ""
    raise ModelError(f"{argument}: got {shown(value)}, expected the bytes of a .tflite file{hint}")


def file_path(argument: str, value: Any) -> str | PathLike[str]:
    """The path that an argument holds.

    Raises:
        ModelError: It holds anything else.
    """
    if isinstance(value, (str, PathLike)):
        return value
    raise ModelError(f"{argument}: got {shown(value)}, expected the path of a .tflite file")
