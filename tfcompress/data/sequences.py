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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from tfcompress.data.bad_rows import BadRows
from tfcompress.data.dataset import Examples
from tfcompress.data.interactions import Batch, index_tokens
from tfcompress.data.lines import read_lines
from tfcompress.data.ragged import Ragged
from tfcompress.data.splits import HELD_OUT_NOTE, Split, examples, hold_out
from tfcompress.errors import DataError

FILES = ("train_input", "val_input", "val_output", "test_input", "test_output")


def read(path: Path, bad: BadRows) -> Iterator[Batch]:
    """Reads one sequence per line; the user is the number of the line.

    Args:
        path: Path.
        bad: BadRows. Told of lines that are no text.

    Raises:
        DataError: the file is empty.
    """
    for lines in read_lines(path, bad):
        numbers = lines.first_line + np.arange(len(lines.lengths))
        yield Batch(users=pa.array(np.repeat(numbers, lines.lengths)), items=lines.tokens)


def read_directory(files: dict[str, Path], bad: BadRows) -> tuple[Split, pa.Array]:
    """Reads a directory of sequences, whose lines belong together by their number.

    Args:
        files: dict. The paths by the names of `FILES`; train_input and test_output are needed.
        bad: BadRows. Told of lines that are no text, and of blank lines of targets. Where it skips
            them, the example is left out that a bad line is part of.

    Returns:
        The split, of indices into the tokens, and the tokens.

    Raises:
        DataError: a file is missing or empty, or two that belong together differ in length.
    """
    for name, partner in (("val_input", "val_output"), ("val_output", "val_input")):
        if name in files and partner not in files:
            raise DataError(f"{files[name]}: has no {partner} beside it; add it or remove both")
    names = [name for name in FILES if name in files]
    read = {name: list(read_lines(files[name], bad)) for name in names}
    indexed = index_tokens([[lines.tokens for lines in read[name]] for name in names])
    rows = {
        name: _Rows(
            files[name],
            Ragged.from_lengths(part, np.concatenate([lines.lengths for lines in read[name]])),
            frozenset(lines.first_line - 1 + k for lines in read[name] for k in lines.skipped),
        )
        for name, part in zip(names, indexed.parts, strict=True)
    }
    train = rows["train_input"].rows
    notes: tuple[str, ...] = ()
    test = _pair(
        rows["test_input" if "test_input" in rows else "train_input"], rows["test_output"], bad
    )
    if "val_input" in rows:
        valid = _pair(rows["val_input"], rows["val_output"], bad)
    else:
        (train, held_out), notes = hold_out(train, ordered=True), (HELD_OUT_NOTE,)
        valid = examples(train, held_out)
    train = train.take(np.flatnonzero(train.lengths))
    return Split("given", True, train, valid, test, notes), indexed.tokens


@dataclass(frozen=True)
class _Rows:
    path: Path
    rows: Ragged
    skipped: frozenset[int]


def _pair(history: _Rows, targets: _Rows, bad: BadRows) -> Examples:
    if len(history.rows) != len(targets.rows):
        raise DataError(
            f"{targets.path}: has {len(targets.rows)} lines, but {history.path.name} has "
            f"{len(history.rows)}; line k of one belongs to line k of the other"
        )
    skipped = history.skipped | targets.skipped
    for row in np.flatnonzero(targets.rows.lengths == 0).tolist():
        if row not in targets.skipped:
            bad.add(targets.path, f"line {row + 1}", "is blank", "write the target there")
            skipped |= {row}
    keep = np.setdiff1d(np.arange(len(targets.rows)), np.fromiter(skipped, np.int64))
    return Examples(history.rows.take(keep), targets.rows.take(keep))
