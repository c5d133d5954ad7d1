"""Parquet files, read column by column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tfcompress.data.bad_rows import BadRows, Defect
from tfcompress.data.delimited import Piece
from tfcompress.errors import DataError, first_line

_ROWS = 1 << 18


def column_names(path: Path) -> list[str]:
    """The names in the schema.

    Raises:
        DataError: the file is not Parquet, or was cut off (its schema stands at the end).
    """
    if not path.stat().st_size:
        raise DataError(f"{path}: is empty; expected a Parquet file")
    try:
        return list(pq.read_schema(path).names)
    except pa.ArrowException as error:
        with path.open("rb") as stream:
            cut = stream.read(4) == b"PAR1"
        if cut:
            raise DataError(
                f"{path}: begins as Parquet but its end is missing or damaged; get the file again"
            ) from None
        reason = first_line(error)
        raise DataError(f"{path}: not a Parquet file ({reason}); see --format for others") from None


def read(path: Path, names: Sequence[str], bad: BadRows) -> Iterator[Piece]:
    """Reads some columns in pieces, of which it needs one at a time in memory.

    Args:
        path: Path.
        names: sequence of str. The columns to read.
        bad: BadRows. Told of rows where one of them is null. Rows count from 1.

    Yields:
        Pieces whose columns have no nulls.

    Raises:
        DataError: there are no rows, or some cannot be decompressed: names the first of them.
    """
    row = 1
    with pq.ParquetFile(path) as file:
        batches = file.iter_batches(batch_size=_ROWS, columns=list(dict.fromkeys(names)))
        while True:
            try:
                table = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                reason = first_line(error)
                raise DataError(
                    f"{path}, row {row} or one of the next {_ROWS}: cannot be read ({reason}); "
                    "the file is damaged, get it again"
                ) from None
            if table is None:
                break
            place = _place(row)
            defects = [_nulls(name, table[name]) for name in names if table[name].null_count]
            keep = bad.screen(path, defects, place) if defects else None
            row += table.num_rows
            if keep is not None:
                table = table.filter(pa.array(keep))
                place = _place_among(place, np.flatnonzero(keep))
            yield Piece({name: table[name] for name in names}, place)
    if row == 1:
        raise DataError(f"{path}: has a header but no rows; expected interactions below it")


def _place(first: int) -> Callable[[int], str]:
    return lambda row: f"row {first + row}"


def _place_among(place: Callable[[int], str], rows: np.ndarray) -> Callable[[int], str]:
    return lambda row: place(int(rows[row]))


def _nulls(name: str, column: pa.Array) -> Defect:
    text = (f"column {name!r} is missing (null)", "fill it in or remove the row")
    return Defect(pc.is_null(column).to_numpy(zero_copy_only=False), lambda _: text)
