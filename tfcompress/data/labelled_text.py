"""Lines of "label<TAB>text": one example per line (as fastText's and SST's data sets come)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfcompress.data.bad_rows import BadRows, Defect
from tfcompress.data.lines import TextLines, quote, read_text_lines

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


def read(path: Path, bad: BadRows | None = None) -> Iterator[Batch]:
    """Reads one example per line: a label, a tab, the text (in which further tabs are white space).

    White space around a label or a text does not count. Blank lines are passed over.

    Args:
        path: Path.
        bad: BadRows or None. Told of lines that are no text or have no tab, no label or no words,
            and of a first line that names columns. None raises.

    Raises:
        DataError: the file is empty.
    """
    bad = bad or BadRows()
    for block in read_text_lines(path, bad):
        split = pc.split_pattern(block.lines, "\t", max_splits=1)
        offsets = split.offsets.to_numpy()
        fields = pc.ascii_trim_whitespace(split.flatten())
        empty = pc.equal(fields, "").to_numpy(zero_copy_only=False)
        firsts, has_tab = offsets[:-1], np.diff(offsets) == 2
        blank = ~has_tab & empty[firsts]
        no_label, no_text = has_tab & empty[firsts], has_tab & empty[offsets[1:] - 1]
        defects = [
            _is_header(block),
            _not_as_expected(block, ~has_tab & ~blank, "no tab"),
            _not_as_expected(block, no_label, "no label"),
            _not_as_expected(block, no_text, "no text"),
        ]
        keep = bad.screen(path, defects, block.place)
        firsts = firsts[has_tab if keep is None else has_tab & keep]
        yield Batch(labels=fields.take(pa.array(firsts)), texts=fields.take(pa.array(firsts + 1)))


def _not_as_expected(block: TextLines, rows: NDArray[np.bool_], what: str) -> Defect:
    def describe(row: int) -> tuple[str, str]:
        shown = quote(block.lines[row].as_py())
        found = f'expected "label<TAB>text", found {what}: {shown}'
        return found, "correct or remove the line"

    return Defect(rows, describe)


def _is_header(block: TextLines) -> Defect:
    line = block.lines[0].as_py() if block.first_line == 1 else ""
    names = [name.strip().casefold() for name in line.split("\t")]
    found = any(name in _LABEL_NAMES for name in names) and any(n in _TEXT_NAMES for n in names)
    text = (f"names columns: {quote(line)}", "remove it; the lines below must be label<TAB>text")
    return Defect((np.arange(len(block.lines)) == 0) & found, lambda _: text)
