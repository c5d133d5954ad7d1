"""Criteo's click logs (Display Advertising Challenge): label, 13 integers, 26 hashed categories.

Rows are fields between tabs, without a header, in the order of time; any field may be missing
(empty). Here the columns are called `label`, `I1` to `I13` and `C1` to `C26`, the label being
absent in the challenge's test file.

There are no users and no items, so that a ranker needs to be told which columns to take for them.
What the data are good for without: counting the categories, which gives the vocabulary an embedding
table must serve. Each token then carries its column ("C3=7e0ccccf"), as 26 tables made one.

Source: readme.txt of the challenge's archive.
"""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from tfcompress.data import delimited
from tfcompress.data.delimited import Layout
from tfcompress.data.lines import quote, row_error

INTEGERS = tuple(f"I{k}" for k in range(1, 14))
CATEGORIES = tuple(f"C{k}" for k in range(1, 27))
NAMES = ("label", *INTEGERS, *CATEGORIES)

_ROW = re.compile(r"([01]\t)?(-?\d*\t){13}([0-9a-f]{8}|)(\t([0-9a-f]{8}|)){25}")


def is_row(line: str) -> bool:
    """Whether a line is a row of these logs."""
    return _ROW.fullmatch(line) is not None


def layout(path: Path) -> Layout:
    """The layout: with or without the label.

    Raises:
        DataError: the file is empty, or no line at its start has 40 or 39 fields.
    """
    lines = delimited.first_lines(path)
    for line in lines:
        for names in (NAMES, NAMES[1:]):
            if line.count("\t") + 1 == len(names):
                return Layout("\t", names=names)
    found = f"expected 40 fields between tabs, or 39 without the label, found {quote(lines[0])}"
    raise row_error(path, 1, found, "check --format")


def with_column(name: str, tokens: pa.Array) -> pa.Array:
    """Tokens that carry their column, dictionary-encoded; missing ones are left out.

    Args:
        name: str. The column.
        tokens: pa.DictionaryArray of strings.
    """
    if pc.index(tokens.dictionary, "").as_py() >= 0:
        present = pc.not_equal(tokens.cast(pa.string()), "")
        # Encoded anew, as the dictionary would still have the empty token.
        tokens = tokens.filter(present).dictionary_decode().dictionary_encode()
    marked = pc.binary_join_element_wise(name, tokens.dictionary, "=")
    return pa.DictionaryArray.from_arrays(tokens.indices, marked)
