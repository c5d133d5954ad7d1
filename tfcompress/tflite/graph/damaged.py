"""A file may contradict itself in any way: one kind of error for all of them."""

from collections.abc import Iterator
from contextlib import contextmanager

from tfcompress.errors import ModelError, TfcompressError


@contextmanager
def following_the_graph() -> Iterator[None]:
    """Inside, an index, a type or a name that is not there becomes a `ModelError`."""
    try:
        yield
    except (TfcompressError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ModelError(
            f"damaged .tflite file: its graph cannot be followed ({reason})"
        ) from error
