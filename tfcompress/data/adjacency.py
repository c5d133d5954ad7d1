"""Lines of "user item item ...": all items of a user on one line (as LightGCN's data sets come)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from tfcompress.data.bad_rows import BadRows
from tfcompress.data.interactions import Batch
from tfcompress.data.lines import read_lines


def read(path: Path, bad: BadRows) -> Iterator[Batch]:
    """Reads one user per line: the user's token, then those of the items.

    A user without items is passed over; the items of a user on several lines are joined.

    Args:
        path: Path.
        bad: BadRows. Told of lines that are no text.

    Raises:
        DataError: the file is empty.
    """
    for lines in read_lines(path, bad):
        starts = np.cumsum(lines.lengths) - lines.lengths
        used = np.flatnonzero(lines.lengths)
        is_item = np.ones(len(lines.tokens), np.bool_)
        is_item[starts[used]] = False
        users = lines.tokens.take(np.repeat(starts[used], lines.lengths[used] - 1))
        yield Batch(users=users, items=lines.tokens.filter(pa.array(is_item)))
