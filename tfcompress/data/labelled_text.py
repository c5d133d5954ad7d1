"""Lines of "label<TAB>text": one example per line (as fastText's and SST's data sets come)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfcompress.data.lines import quote, read_text_lines, row_error

_LABEL_NAMES = ("label", "class", "category", "target", "sentiment")
_TEXT_NAMES = ("text", "sentence", "review", "title", "document", "content")


@dataclass(frozen=True)
class Batch:
    """A piece of a file, one entry per example.

    Attributes:
        labels: pa.Array of string. None is empty.
        texts: pa.Array of string. None is empty.
    """

    labels: pa.Array
    texts: pa.Array


def read(path: Path) -> Iterator[Batch]:
    """Reads one example per line: a label, a tab, the text (in which further tabs are white space).

    White space around a label or a text does not count. Blank lines are passed over.

    Raises:
        DataError: a line has no tab, no label or no text, or the first one names columns.
    """
    for block in read_text_lines(path):
        if block.first_line == 1:
            _refuse_header(path, block.lines[0].as_py())
        split = pc.split_pattern(block.lines, "\t", max_splits=1)
        offsets = split.offsets.to_numpy()
        fields = pc.ascii_trim_whitespace(split.flatten())
        empty = pc.equal(fields, "").to_numpy(zero_copy_only=False)
        firsts, has_tab = offsets[:-1], np.diff(offsets) == 2
        blank = ~has_tab & empty[firsts]
        no_label, no_text = has_tab & empty[firsts], has_tab & empty[offsets[1:] - 1]
        wrong = np.flatnonzero((~has_tab & ~blank) | no_label | no_text)
        if len(wrong):
            row = int(wrong[0])
            found = "no tab" if not has_tab[row] else "no label" if no_label[row] else "no text"
            shown = quote(block.lines[row].as_py())
            found = f'expected "label<TAB>text", found {found}: {shown}'
            raise row_error(path, block.first_line + row, found, "correct or remove the line")
        firsts = firsts[has_tab]
        yield Batch(labels=fields.take(pa.array(firsts)), texts=fields.take(pa.array(firsts + 1)))


def _refuse_header(path: Path, line: str) -> None:
    names = [name.strip().casefold() for name in line.split("\t")]
    if any(name in _LABEL_NAMES for name in names) and any(name in _TEXT_NAMES for name in names):
        found = f"names columns: {quote(line)}"
        raise row_error(path, 1, found, "remove it; the lines below must be label<TAB>text")
