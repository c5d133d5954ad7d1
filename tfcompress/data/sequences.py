"""Lines of items, one sequence per line, oldest first (as gSASRec's and BERT4Rec's data sets come).

A directory of such files gives a split:

| file | line k holds |
| --- | --- |
| train_input.txt | the training items of user k |
| val_input.txt, val_output.txt | the history of validation example k, and its target |
| test_input.txt | the history of test example k; without this file it is line k of train_input |
| test_output.txt | the target of test example k |

In gSASRec's ML-1M the validation examples are 512 of the users, in the order of their lines in
train_input, and nothing says which: each line of val_input is one line of train_input and one more
item, val_output holds the item after that, and test_output the last one. So the full sequence of
such a user is train_input, last of val_input, val_output, test_output; of the other users the item
between train_input and test_output is in no file. There is no test_input, so that every test
history lacks one item (of the 512: two), and train_input alone is what counts as seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from tfcompress.data.dataset import Examples
from tfcompress.data.interactions import Batch, index_tokens
from tfcompress.data.lines import read_lines, row_error
from tfcompress.data.ragged import Ragged
from tfcompress.data.splits import HELD_OUT_NOTE, Split, examples, hold_out
from tfcompress.errors import DataError

FILES = ("train_input", "val_input", "val_output", "test_input", "test_output")


def read(path: Path) -> Iterator[Batch]:
    """Reads one sequence per line; the user is the number of the line."""
    for lines in read_lines(path):
        numbers = lines.first_line + np.arange(len(lines.lengths))
        yield Batch(users=pa.array(np.repeat(numbers, lines.lengths)), items=lines.tokens)


def read_directory(files: dict[str, Path]) -> tuple[Split, pa.Array]:
    """Reads a directory of sequences, whose lines belong together by their number.

    Args:
        files: dict. The paths by the names of `FILES`; train_input and test_output are needed.

    Returns:
        The split, of indices into the tokens, and the tokens.

    Raises:
        DataError: a file is missing, two that belong together differ in length, or a line of
            targets is blank.
    """
    for name, partner in (("val_input", "val_output"), ("val_output", "val_input")):
        if name in files and partner not in files:
            raise DataError(f"{files[name]}: has no {partner} beside it; add it or remove both")
    names = [name for name in FILES if name in files]
    read = {name: list(read_lines(files[name])) for name in names}
    indexed = index_tokens([[lines.tokens for lines in read[name]] for name in names])
    rows = {
        name: Ragged.from_lengths(part, np.concatenate([lines.lengths for lines in read[name]]))
        for name, part in zip(names, indexed.parts, strict=True)
    }
    train = rows["train_input"]
    notes: tuple[str, ...] = ()
    test = _pair(
        files, rows, "test_input" if "test_input" in rows else "train_input", "test_output"
    )
    if "val_input" in rows:
        valid = _pair(files, rows, "val_input", "val_output")
    else:
        (train, held_out), notes = hold_out(train, ordered=True), (HELD_OUT_NOTE,)
        valid = examples(train, held_out)
    train = train.take(np.flatnonzero(train.lengths))
    return Split("given", True, train, valid, test, notes), indexed.tokens


def _pair(files: dict[str, Path], rows: dict[str, Ragged], history: str, targets: str) -> Examples:
    if len(rows[history]) != len(rows[targets]):
        raise DataError(
            f"{files[targets]}: has {len(rows[targets])} lines, but {files[history].name} has "
            f"{len(rows[history])}; line k of one belongs to line k of the other"
        )
    blank = np.flatnonzero(rows[targets].lengths == 0)
    if len(blank):
        raise row_error(files[targets], int(blank[0]) + 1, "is blank", "write the target there")
    return Examples(rows[history], rows[targets])
