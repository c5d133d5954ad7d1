"""From located files to a split of rows: which reader, which columns, what is noted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from tfcompress.data import adjacency, pairs, recbole, sequences, tabular
from tfcompress.data.bad_rows import BadRows
from tfcompress.data.columns import Columns, choose_columns
from tfcompress.data.criteo import NAMES as CRITEO_NAMES
from tfcompress.data.formats import TABULAR, Source
from tfcompress.data.interactions import Batch, rows_by_user
from tfcompress.data.options import refuse
from tfcompress.data.paths import readable
from tfcompress.data.ragged import Ragged
from tfcompress.data.recbole import SequenceColumns
from tfcompress.data.splits import Split, given, leave_one_out
from tfcompress.errors import DataError


def read_split(
    located: Source, names: dict[str, str | None], bad: BadRows
) -> tuple[Split, pa.Array]:
    """Reads the files, and splits them where they are not split already.

    Args:
        located: Source. From `formats.locate`.
        names: dict. `user_column`, `item_column` and `time_column`, None where to be found.
        bad: BadRows. Told of rows that cannot be used; its notes are added to those of the split.

    Returns:
        The split, of indices into the tokens, and the tokens.

    Raises:
        DataError: names the file, the line and the column that cannot be used.
        ConfigError: a column is named for a format that has none.
    """
    split, tokens = _read(located, names, bad)
    return replace(split, notes=(*split.notes, *bad.notes)), tokens


def batches(format: str, file: Path, columns: Columns | None, bad: BadRows) -> Iterator[Batch]:
    """The interactions of one file, piece by piece; `columns` of tables only."""
    reader: Iterable[Batch]
    if columns is not None:
        reader = tabular.read(file, format, columns, bad)
    else:
        reader = {"pairs": pairs, "adjacency": adjacency, "sequences": sequences}[format].read(
            file, bad
        )
    with readable(file):
        yield from reader


def _read(located: Source, names: dict[str, str | None], bad: BadRows) -> tuple[Split, pa.Array]:
    if located.is_split and located.format == "sequences":
        refuse("the format sequences", names)
        return sequences.read_directory(located.files, bad)
    columns: dict[str, Columns | None] = {}
    histories: dict[str, SequenceColumns] = {}
    for role, file in located.files.items():
        chosen = _choose(located.format, file, names)
        if isinstance(chosen, SequenceColumns):
            histories[role] = chosen
        else:
            columns[role] = chosen
    if histories:
        if columns:
            raise DataError(
                f"{located.files[next(iter(columns))]}: has no column of histories (token_seq), "
                f"but {located.files[next(iter(histories))].name} has"
            )
        with readable(located.files[next(iter(histories))]):
            return recbole.read_sequences(located.files, histories, bad)
    rows, tokens = rows_by_user(
        [batches(located.format, file, columns[role], bad) for role, file in located.files.items()]
    )
    parts: dict[str, Ragged] = dict(zip(located.files, rows, strict=True))
    for role, part in parts.items():
        if not len(part.values):
            file = located.files[role]
            skipped = f" ({bad.count(file):,} bad rows skipped)" if bad.count(file) else ""
            raise DataError(f"{file}: holds no interactions{skipped}")
    if not located.is_split:
        split = leave_one_out(parts["all"])
    else:
        # Train and test files of adjacency lines list sets; one such file lists sequences.
        ordered = located.format != "adjacency"
        split = given(parts["train"], parts.get("valid"), parts["test"], ordered=ordered)
    return replace(split, notes=(*_order_notes(located, columns), *split.notes)), tokens


def _choose(
    format: str, file: Path, names: dict[str, str | None]
) -> Columns | SequenceColumns | None:
    if format not in TABULAR:
        refuse(f"the format {format}", names)
        return None
    if format == "recbole":
        return recbole.choose(file, recbole.column_names(file), **names)
    if format == "criteo" and (names["user_column"] is None or names["item_column"] is None):
        raise DataError(
            f"{file}: Criteo's rows name no user and no item; a ranker needs --user-column and "
            f"--item-column, among {CRITEO_NAMES[0]}, I1 to I13, C1 to C26"
        )
    return choose_columns(file, tabular.column_names(file, format), **names)


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
