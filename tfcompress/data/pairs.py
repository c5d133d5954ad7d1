"""Lines of "user item", each user's in the order of time (as SASRec's data sets come)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfcompress.data.columns import looks_like_header
from tfcompress.data.interactions import Batch
from tfcompress.data.lines import quote, read_lines, row_error


def read(path: Path) -> Iterator[Batch]:
    """Reads one interaction per line: a user token, white space, an item token.

    Users may be mixed, as long as each one's items come oldest first. Blank lines are passed over.

    Raises:
        DataError: a line has not exactly two tokens, or the first one names columns.
    """
    for lines in read_lines(path):
        wrong = np.flatnonzero((lines.lengths != 2) & (lines.lengths != 0))
        if len(wrong):
            tokens = lines.line(int(wrong[0]))
            found = f'expected "user item", found {len(tokens)} tokens: {quote(" ".join(tokens))}'
            raise row_error(path, lines.first_line + int(wrong[0]), found, "correct the line")
        if lines.first_line == 1 and looks_like_header(lines.tokens[:2].to_pylist()):
            found = f"names columns: {quote(' '.join(lines.tokens[:2].to_pylist()))}"
            raise row_error(path, 1, found, "remove it, or use commas and --format csv")
        # Slices by steps are not zero-copy in Arrow; `take` is.
        users = np.arange(0, len(lines.tokens), 2)
        yield Batch(users=lines.tokens.take(users), items=lines.tokens.take(users + 1))
