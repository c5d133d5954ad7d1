"""Sources that are files: whether they are there, and what the system says when they are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from tfcompress.errors import DataError, first_line


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what the file system and the decompressors raise into one line."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = first_line(error)
        raise DataError(f"{path}: cannot be read ({reason}); is it damaged?") from None


def existing(source: str | Path, names: Iterable[str]) -> Path:
    """The path of a source that is none of the known `names`; raises `DataError` without one."""
    path = Path(source)
    if not path.exists():
        raise DataError(
            f"{source}: no such file or directory, and no known name ({', '.join(names)})"
        )
    return path
