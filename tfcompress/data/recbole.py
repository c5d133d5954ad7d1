"""RecBole's atomic files (.inter): fields between tabs under a header that types them.

    user_id:token   item_id:token   rating:float   timestamp:float

The types are token, token_seq (tokens between spaces), float and float_seq. RecBole's sequential
benchmarks (NAME.train.inter, NAME.valid.inter, NAME.test.inter) have histories in each row:

    user_id:token   item_id_list:token_seq   item_id:token

where the item comes after the list. Their training files are augmented: a user of n items has a
row for each of the last n - 1, with the items before it, often the last 50 of them only.
`read_sequences` finds out which rows follow which and gives each item back once, so that the
training part is the users' sequences and its counts are counts of interactions. Validation and test
rows are taken as they stand: what is in the list is the history.

Source: "Atomic Files", RecBole's documentation, https://recbole.io/docs/user_guide/data/atomic_files.html
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfcompress.data import tabular
from tfcompress.data.bad_rows import BadRows, token_defects
from tfcompress.data.columns import Columns, choose_columns, find_column
from tfcompress.data.dataset import Examples
from tfcompress.data.interactions import index_tokens
from tfcompress.data.lines import row_error
from tfcompress.data.ragged import Ragged
from tfcompress.data.splits import HELD_OUT_NOTE, Split, examples, hold_out, leave_one_out

_TYPES = ("token", "token_seq", "float", "float_seq")
_NOTE = "rows that go on where another one ends add their last item only"


@dataclass(frozen=True)
class SequenceColumns:
    """The columns of a file of histories; without `item`, the last of the list is the target."""

    user: str
    items: str
    item: str | None


def is_header(line: str) -> bool:
    """Whether a line names columns with their types."""
    return all(name.partition(":")[2] in _TYPES for name in line.split("\t"))


def column_names(path: Path) -> list[str]:
    """The names of the header, with their types.

    Raises:
        DataError: the file is empty or not UTF-8, or a column has none of the types.
    """
    names = tabular.column_names(path, "recbole")
    for name in names:
        if name.partition(":")[2] not in _TYPES:
            found = f"column {name!r} has none of the types {', '.join(_TYPES)}"
            raise row_error(path, 1, found, "write name:type, or choose --format tsv")
    return names


def choose(path: Path, names: list[str], **wanted: str | None) -> Columns | SequenceColumns:
    """The columns to read; those wanted may be named with their type or without.

    Args:
        path: Path. For the messages.
        names: list of str. As `column_names` gives them.
        wanted: str or None by `user_column`, `item_column`, `time_column`.

    Raises:
        DataError: as `choose_columns`.
    """
    full = {name.partition(":")[0]: name for name in names}
    wanted = {role: full.get(name or "", name) for role, name in wanted.items()}
    lists = [name for name in names if name.endswith(":token_seq")]
    item = wanted.get("item_column")
    plain = [name for name in names if not name.endswith("_seq")]
    if lists and item is None:
        item = next((name for name in lists if _is_items(name)), None)
    if item not in lists:
        return choose_columns(path, plain, **wanted)
    user = find_column(path, plain, "user", wanted.get("user_column"))
    target = item.partition(":")[0].removesuffix("_list") + ":token"
    return SequenceColumns(user, item, target if target in names else None)


def choose_item(path: Path, names: list[str], wanted: str | None) -> str:
    """The column to count: the items, which in a file of histories are those that come after them.

    Raises:
        DataError: there is none, or it holds several items a row.
    """
    full = {name.partition(":")[0]: name for name in names}
    return find_column(
        path, [n for n in names if not n.endswith("_seq")], "item", full.get(wanted or "", wanted)
    )


def _is_items(name: str) -> bool:
    return name.partition(":")[0].removesuffix("_list") in ("item_id", "item", "session_items")


def read_sequences(
    files: dict[str, Path], columns: dict[str, SequenceColumns], bad: BadRows
) -> tuple[Split, pa.Array]:
    """Reads files of histories.

    Args:
        files: dict. Paths by role: "all", or "train", "test" and perhaps "valid".
        columns: dict. The columns of each.
        bad: BadRows. Told of rows that `tabular.read` would tell it of, and of rows without items.

    Returns:
        The split, of indices into the tokens, and the tokens.

    Raises:
        DataError: a file has no rows or is damaged.
    """
    read = {role: _read(path, columns[role], bad) for role, path in files.items()}
    users = index_tokens([rows.users for rows in read.values()])
    items = index_tokens([rows.items for rows in read.values()])
    parts = {}
    for (role, rows), user, item in zip(read.items(), users.parts, items.parts, strict=True):
        lengths = np.concatenate([np.empty(0, np.int64), *rows.lengths])
        parts[role] = (user, Ragged.from_lengths(item, lengths))
    first = "all" if "all" in parts else "train"
    train = _sequences(*parts[first], len(users.tokens))
    if first == "all":
        split = leave_one_out(train)
        return replace(split, notes=(_NOTE, *split.notes)), items.tokens
    notes: tuple[str, ...] = (_NOTE,)
    if "valid" in parts:
        valid = _last_as_target(parts["valid"][1])
    else:
        (train, held_out), notes = hold_out(train, ordered=True), (_NOTE, HELD_OUT_NOTE)
        valid = examples(train, held_out)
    train = train.take(np.flatnonzero(train.lengths))
    test = _last_as_target(parts["test"][1])
    return Split("given", True, train, valid, test, notes), items.tokens


def _last_as_target(rows: Ragged) -> Examples:
    after = rows.values_after()
    return Examples(rows.where(after > 0), rows.where(after == 0))


@dataclass(frozen=True)
class _Rows:
    """Rows of a file: per piece the users, the items of all rows, and how many each row has."""

    users: list[pa.Array]
    items: list[pa.Array]
    lengths: list[NDArray[np.int64]]


def _read(path: Path, columns: SequenceColumns, bad: BadRows) -> _Rows:
    result = _Rows([], [], [])
    names = [name for name in (columns.user, columns.items, columns.item) if name is not None]
    for piece in tabular.read_columns(path, "recbole", names, bad):
        defects = token_defects(columns.user, piece.columns[columns.user])
        # The list may be empty where the item stands beside it.
        defects += token_defects(
            columns.items, piece.columns[columns.items], allow_empty=columns.item is not None
        )
        if columns.item is not None:
            defects += token_defects(columns.item, piece.columns[columns.item])
        keep = bad.screen(path, defects, piece.place)
        kept = None if keep is None else pa.array(keep)
        lists = tabular.as_tokens(piece.columns[columns.items], kept).cast(pa.string())
        if columns.item is not None:
            target = tabular.as_tokens(piece.columns[columns.item], kept).cast(pa.string())
            lists = pc.binary_join_element_wise(lists, target, " ")
        split = pc.ascii_split_whitespace(pc.ascii_trim_whitespace(lists))
        result.users.append(tabular.as_tokens(piece.columns[columns.user], kept))
        result.items.append(split.flatten())
        result.lengths.append(np.diff(split.offsets.to_numpy()).astype(np.int64))
    return result


def _sequences(users: NDArray[np.int32], rows: Ragged, num_users: int) -> Ragged:
    """One row per user: each of the user's rows, and of those that go on only the last item."""
    before = _predecessors(users, rows)
    depth, root = _depths(before)
    goes_on = before >= 0
    whole = rows.where((rows.values_after() == 0) | ~np.repeat(goes_on, rows.lengths))
    chosen = whole.take(np.lexsort((depth, root, users)))
    lengths = np.bincount(users, weights=whole.lengths, minlength=num_users).astype(np.int64)
    return Ragged.from_lengths(chosen.values, lengths)


def _predecessors(users: NDArray[np.int32], rows: Ragged) -> NDArray[np.int64]:
    """For each row the one it goes on from, -1 where there is none: int64, shape `(num_rows,)`.

    Row b goes on from row a of the same user if b without its last item is a, or a without its
    first item (where the list has reached its greatest length). Rows are compared by 64-bit hashes.
    """
    starts, ends = rows.offsets[:-1], rows.offsets[1:]
    hashes = _Hashes(rows, users)
    lists = hashes.between(starts, np.maximum(ends - 1, starts))
    has_list = rows.lengths > 1
    longest = rows.lengths == rows.lengths.max(initial=0)
    found = np.full(len(rows), -1, np.int64)
    for keys, candidates in (
        (hashes.between(starts, ends), np.ones_like(longest)),
        (hashes.between(np.minimum(starts + 1, ends), ends), longest),
    ):
        order = np.flatnonzero(candidates)
        order = order[np.argsort(keys[order], kind="stable")]
        if not len(order):
            continue
        position = np.minimum(np.searchsorted(keys[order], lists), len(order) - 1)
        other = order[position]
        hit = has_list & candidates & (found < 0) & (keys[other] == lists)
        hit &= other != np.arange(len(rows))
        found[hit] = other[hit]
    # Equal items in long rows can make rows go on from each other: there a chain begins.
    while (circular := found[_depths(found)[1]] >= 0).any():
        found[_depths(found)[1][circular]] = -1
    return found


class _Hashes:
    """Polynomial hashes, modulo 2^64, of any stretches of the values of rows."""

    _BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it has an inverse

    def __init__(self, rows: Ragged, users: NDArray[np.int32]) -> None:
        mixed = _mix(rows.values.astype(np.uint64))
        inverse = np.uint64(pow(int(self._BASE), -1, 1 << 64))
        size = len(mixed) + 1
        with np.errstate(over="ignore"):
            powers = np.cumprod(np.full(size, self._BASE))
            self._inverses = np.cumprod(np.full(size, inverse))
            self._sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed * powers[:-1])])
            self._salt = _mix(_mix(users.astype(np.uint64)) + np.uint64(1))

    def between(self, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.uint64]:
        with np.errstate(over="ignore"):
            sums = (self._sums[ends] - self._sums[starts]) * self._inverses[starts]
            result: NDArray[np.uint64] = (
                _mix(sums) ^ self._salt ^ _mix((ends - starts).astype(np.uint64))
            )
        return result


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """splitmix64's finisher: a bijection that spreads every bit."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _depths(before: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many rows stand before each one in its chain, and the row the chain begins with."""
    rows = np.arange(len(before))
    target = np.where(before < 0, rows, before)
    depth = (before >= 0).astype(np.int64)
    for _ in range(len(before).bit_length()):
        depth += depth[target]
        target = target[target]
    return depth, target
