"""How often each item occurs, in files of any size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tfcompress.data import archives, criteo, recbole, tabular
from tfcompress.data.bad_rows import BadRows, token_defects
from tfcompress.data.columns import Columns, find_column
from tfcompress.data.formats import TABULAR, locate
from tfcompress.data.interactions import narrow
from tfcompress.data.options import refuse
from tfcompress.data.paths import existing, readable
from tfcompress.data.reading import batches
from tfcompress.errors import DataError
from tfcompress.vocabulary import count_tokens


def count_items(
    source: str | Path,
    *,
    format: str | None = None,
    item_column: str | None = None,
    bad_rows: str | BadRows = "error",
) -> tuple[pa.Array, NDArray[np.int64]]:
    """Counts the items of a file of any size, in memory that grows with the distinct ones only.

    Of Criteo's logs the tokens of all 26 categories are counted, each with the name of its column
    ("C3=7e0ccccf"), unless `item_column` names one. Of RecBole's files of histories the items that
    come after them are counted, one per row.

    Args:
        source: str or Path. A name of `archives.ARCHIVES`, one file, or a directory of one. A
            table needs no column of users.
        format: str or None. One of `formats.FORMATS`; found out when not given.
        item_column: str or None. Tables only: the column of items.
        bad_rows: str or BadRows. "error" or "skip", as of `load`; or a `BadRows`, whose `total`
            then says how many rows were skipped.

    Returns:
        The distinct tokens and their counts, as `Vocabulary.from_counts` takes them.

    Raises:
        DataError: names the file, the line and the column that cannot be used.
    """
    bad = bad_rows if isinstance(bad_rows, BadRows) else BadRows(bad_rows)
    if isinstance(source, str) and source in archives.ARCHIVES:
        path = archives.fetch(source)
    else:
        path = existing(source, archives.ARCHIVES)
    with readable(path):
        located = locate(path, format)
        if located.is_split:
            raise DataError(f"{path}: holds several files; count the training file alone")
        file, format = located.files["all"], located.format
        if format == "criteo" and item_column is None:
            tokens, counts = count_tokens(_categories(file, bad))
            return tokens, counts
        columns = None
        if format in TABULAR:
            item = _item_column(file, format, item_column)
            columns = Columns(user=item, item=item, time=None)
        else:
            refuse(f"the format {format}", {"item_column": item_column})
        tokens, counts = count_tokens(batch.items for batch in batches(format, file, columns, bad))
    return narrow(tokens), counts


def _item_column(file: Path, format: str, wanted: str | None) -> str:
    if format != "recbole":
        return find_column(file, tabular.column_names(file, format), "item", wanted)
    return recbole.choose_item(file, recbole.column_names(file), wanted)


def _categories(file: Path, bad: BadRows) -> Iterator[pa.Array]:
    for piece in tabular.read_columns(file, "criteo", criteo.CATEGORIES, bad):
        defects = [
            defect
            for name, column in piece.columns.items()
            for defect in token_defects(name, column, allow_empty=True)
        ]
        keep = bad.screen(file, defects, piece.place)
        kept = None if keep is None else pa.array(keep)
        for name, column in piece.columns.items():
            yield criteo.with_column(name, tabular.as_tokens(column, kept))
