"""Lines of "user item", each user's in the order of time (as SASRec's data sets come)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from tfcompress.data.bad_rows import BadRows, Defect
from tfcompress.data.columns import looks_like_header
from tfcompress.data.interactions import Batch
from tfcompress.data.lines import TokenLines, quote, read_lines


def read(path: Path, bad: BadRows) -> Iterator[Batch]:
    """Reads one interaction per line: a user token, white space, an item token.

    Users may be mixed, as long as each one's items come oldest first. Blank lines are passed over.

    Args:
        path: Path.
        bad: BadRows. Told of lines that have not exactly two tokens or are no text, and of a first
            line that names columns.

    Raises:
        DataError: the file is empty.
    """
    for lines in read_lines(path, bad):
        keep = bad.screen(path, _defects(lines), lines.place)
        tokens = lines.tokens
        if keep is not None:
            tokens = tokens.filter(pa.array(np.repeat(keep, lines.lengths)))
        # Slices by steps are not zero-copy in Arrow; `take` is.
        users = np.arange(0, len(tokens), 2)
        yield Batch(users=tokens.take(users), items=tokens.take(users + 1))


def _defects(lines: TokenLines) -> list[Defect]:
    def describe(row: int) -> tuple[str, str]:
        tokens = lines.line(row)
        found = f'expected "user item", found {len(tokens)} tokens: {quote(" ".join(tokens))}'
        return found, "correct the line"

    defects = [Defect((lines.lengths != 2) & (lines.lengths != 0), describe)]
    if lines.first_line == 1 and looks_like_header(header := lines.line(0)):
        found = f"names columns: {quote(' '.join(header))}"
        is_first = np.arange(len(lines.lengths)) == 0
        advice = "remove it, or use commas and --format csv"
        defects.insert(0, Defect(is_first, lambda _: (found, advice)))
    return defects
