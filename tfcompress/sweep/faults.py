"""What a row says of an error."""

import traceback

from tfcompress.errors import TfcompressError


def one_line(error: Exception) -> str:
    """The reason in one line; the traceback of an error that no input causes goes to the log."""
    text = " ".join(str(error).split())
    if isinstance(error, TfcompressError | OSError):
        return text
    traceback.print_exception(error)
    if isinstance(error, MemoryError):
        return f"not enough memory for this: {text}"
    return f"{type(error).__name__}: {text}"
