"""From a name or a path to a data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tfcompress.data import archives
from tfcompress.data.bad_rows import BadRows
from tfcompress.data.dataset import Dataset
from tfcompress.data.encoding import encode
from tfcompress.data.formats import locate
from tfcompress.data.named import NAMED, NAMED_TEXTS
from tfcompress.data.options import check_least, refuse
from tfcompress.data.paths import existing, readable
from tfcompress.data.reading import read_split
from tfcompress.errors import ConfigError
from tfcompress.files import sha256_of_files
from tfcompress.vocabulary import Vocabulary


def load(
    source: str | Path,
    *,
    format: str | None = None,
    user_column: str | None = None,
    item_column: str | None = None,
    time_column: str | None = None,
    min_count: int = 1,
    max_items: int | None = None,
    bad_rows: str = "error",
    vocabulary: Vocabulary | None = None,
) -> Dataset:
    """Reads interactions, splits them and ranks the items by frequency.

    A directory of train, valid and test files gives the split. One file is split by leave-one-out:
    a user's last item is the test, the one before it validation. The order is that of the time
    column, or of the file where there is none. The vocabulary is counted on the training part
    alone; an item that is not in it has the id 1.

    Args:
        source: str or Path. A name of `NAMED` or `archives.ARCHIVES` (which is downloaded where it
            is not in the cache yet), a file or a directory.
        format: str or None. One of `formats.FORMATS`; found out when not given.
        user_column: str or None. Tables only: the column of users; common names are found.
        item_column: str or None. Tables only: the column of items.
        time_column: str or None. Tables only: the column of times, numbers or ISO dates.
        min_count: int. Items that occur more rarely in training get the id 1.
        max_items: int or None. At most so many items have an id of their own, the most frequent.
        bad_rows: str. "error": the first row that cannot be used is an error. "skip": such rows are
            passed over; `skipped_rows` of the result counts them, its notes name one.
        vocabulary: Vocabulary or None. Gives the ids, whatever it was counted on; None counts
            the training part. `min_count` and `max_items` mean nothing with it.

    Raises:
        DataError: names the file, the line and the column that cannot be used.
        ConfigError: an argument is unknown or does not fit the format.
    """
    check_least({"min_count": min_count, "max_items": max_items}, {"min_count": 1, "max_items": 1})
    bad = BadRows(bad_rows)
    names = {"user_column": user_column, "item_column": item_column, "time_column": time_column}
    if isinstance(source, str) and source in NAMED:
        refuse(source, {"format": format} | names)
        return NAMED[source](min_count=min_count, max_items=max_items, vocabulary=vocabulary)
    if isinstance(source, str) and source in archives.ARCHIVES:
        refuse(source, {"format": format} | names)
        name, path = source, archives.fetch(source)
    elif source in NAMED_TEXTS:
        raise ConfigError(
            f"{source}: holds labelled texts, which are for a text-classifier (train --model "
            "text-classifier)"
        )
    else:
        path = existing(source, (*NAMED, *archives.ARCHIVES))
        name = path.resolve().name
    with readable(path):
        located = locate(path, format)
        split, tokens = read_split(located, names, bad)
        sha256 = sha256_of_files(list(located.files.values()))
    dataset = encode(
        split,
        tokens,
        name=name,
        sha256=sha256,
        format=located.format,
        min_count=min_count,
        max_items=max_items,
        vocabulary=vocabulary,
    )
    return replace(dataset, skipped_rows=bad.total)
