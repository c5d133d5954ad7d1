"""From a name or a path to a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tfcompress.data import adjacency, pairs, sequences, synthetic, tabular
from tfcompress.data.columns import Columns, choose_columns, find_column
from tfcompress.data.dataset import Dataset
from tfcompress.data.encoding import encode
from tfcompress.data.formats import TABULAR, Source, locate
from tfcompress.data.interactions import Batch, narrow, rows_by_user
from tfcompress.data.paths import existing, readable
from tfcompress.data.ragged import Ragged
from tfcompress.data.splits import Split, given, leave_one_out
from tfcompress.errors import ConfigError, DataError
from tfcompress.files import sha256_of_files
from tfcompress.vocabulary import Vocabulary, count_tokens

# Data sets known by a name. Each takes `min_count`, `max_items` and `vocabulary`.
NAMED: dict[str, Callable[..., Dataset]] = {"synthetic": synthetic.generate}


def load(
    source: str | Path,
    *,
    format: str | None = None,
    user_column: str | None = None,
    item_column: str | None = None,
    time_column: str | None = None,
    min_count: int = 1,
    max_items: int | None = None,
    vocabulary: Vocabulary | None = None,
) -> Dataset:
    """Reads interactions, splits them and ranks the items by frequency.

    A directory of train, valid and test files gives the split. One file is split by leave-one-out:
    a user's last item is the test, the one before it validation. The order is that of the time
    column, or of the file where there is none. The vocabulary is counted on the training part
    alone; an item that is not in it has the id 1.

    Args:
        source: str or Path. A name of `NAMED`, a file or a directory.
        format: str or None. One of `formats.FORMATS`; found out when not given.
        user_column: str or None. Tables only: the column of users; common names are found.
        item_column: str or None. Tables only: the column of items.
        time_column: str or None. Tables only: the column of times, numbers or ISO dates.
        min_count: int. Items that occur more rarely in training get the id 1.
        max_items: int or None. At most so many items have an id of their own, the most frequent.
        vocabulary: Vocabulary or None. Gives the ids, whatever it was counted on; None counts
            the training part. `min_count` and `max_items` mean nothing with it.

    Raises:
        DataError: names the file, the line and the column that cannot be used.
        ConfigError: an argument is unknown or does not fit the format.
    """
    for argument, value in (("min_count", min_count), ("max_items", max_items)):
        if value is not None and value < 1:
            raise ConfigError(f"{argument}: must be at least 1, got {value}")
    names = {"user_column": user_column, "item_column": item_column, "time_column": time_column}
    if isinstance(source, str) and source in NAMED:
        _refuse(source, {"format": format} | names)
        return NAMED[source](min_count=min_count, max_items=max_items, vocabulary=vocabulary)
    path = existing(source, NAMED)
    with readable(path):
        located = locate(path, format)
        split, tokens = _read_split(located, names)
        sha256 = sha256_of_files(list(located.files.values()))
    return encode(
        split,
        tokens,
        name=path.resolve().name,
        sha256=sha256,
        format=located.format,
        min_count=min_count,
        max_items=max_items,
        vocabulary=vocabulary,
    )


def count_items(
    source: str | Path, *, format: str | None = None, item_column: str | None = None
) -> tuple[pa.Array, NDArray[np.int64]]:
    """Counts the items of a file of any size, in memory that grows with the distinct ones only.

    Args:
        source: str or Path. One file, or a directory of one. A table needs no column of users.
        format: str or None. One of `formats.FORMATS`; found out when not given.
        item_column: str or None. Tables only: the column of items.

    Returns:
        The distinct tokens and their counts, as `Vocabulary.from_counts` takes them.

    Raises:
        DataError: names the file, the line and the column that cannot be used.
    """
    path = existing(source, NAMED)
    with readable(path):
        located = locate(path, format)
        if located.is_split:
            raise DataError(f"{path}: holds several files; count the training file alone")
        file = located.files["all"]
        columns = None
        if located.format in TABULAR:
            names = tabular.column_names(file, located.format)
            item = find_column(file, names, "item", item_column)
            columns = Columns(user=item, item=item, time=None)
        else:
            _refuse(f"the format {located.format}", {"item_column": item_column})
        tokens, counts = count_tokens(batch.items for batch in _batches(located, file, columns))
    return narrow(tokens), counts


def _refuse(what: str, arguments: dict[str, str | None]) -> None:
    for argument, value in arguments.items():
        if value is not None:
            raise ConfigError(f"{argument}: {value!r} means nothing for {what}; leave it out")


def _columns(located: Source, file: Path, names: dict[str, str | None]) -> Columns | None:
    if located.format not in TABULAR:
        _refuse(f"the format {located.format}", names)
        return None
    return choose_columns(file, tabular.column_names(file, located.format), **names)


def _batches(located: Source, file: Path, columns: Columns | None) -> Iterator[Batch]:
    reader: Iterable[Batch]
    if columns is not None:
        reader = tabular.read(file, located.format, columns)
    else:
        reader = {"pairs": pairs, "adjacency": adjacency, "sequences": sequences}[
            located.format
        ].read(file)
    with readable(file):
        yield from reader


def _read_split(located: Source, names: dict[str, str | None]) -> tuple[Split, pa.Array]:
    if located.is_split and located.format == "sequences":
        _refuse("the format sequences", names)
        return sequences.read_directory(located.files)
    columns = {role: _columns(located, file, names) for role, file in located.files.items()}
    rows, tokens = rows_by_user(
        [_batches(located, file, columns[role]) for role, file in located.files.items()]
    )
    parts: dict[str, Ragged] = dict(zip(located.files, rows, strict=True))
    for role, part in parts.items():
        if not len(part.values):
            raise DataError(f"{located.files[role]}: holds no interactions")
    if not located.is_split:
        split = leave_one_out(parts["all"])
    else:
        # Train and test files of adjacency lines list sets; one such file lists sequences.
        ordered = located.format != "adjacency"
        split = given(parts["train"], parts.get("valid"), parts["test"], ordered=ordered)
    return replace(split, notes=(*_order_notes(located, columns), *split.notes)), tokens


def _order_notes(located: Source, columns: dict[str, Columns | None]) -> list[str]:
    if located.format == "adjacency":
        if located.is_split:
            return ["items of a user have no order"]
        return ["items of a line are taken as oldest first"]
    first = next(iter(columns.values()))
    if first is None:
        return []
    chosen = f"user column {first.user!r}, item column {first.item!r}"
    if first.time is None:
        return [f"{chosen}, no time column: rows are taken as oldest first"]
    return [f"{chosen}, time column {first.time!r}"]
