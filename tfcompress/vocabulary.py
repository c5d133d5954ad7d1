"""Tokens, how often they occur, and the frequency-ranked ids everything else is built on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import ArrayLike, NDArray

from tfcompress.errors import DataError, first_line
from tfcompress.files import write_file

PADDING_ID = 0
OOV_ID = 1
FIRST_ID = 2

VOCABULARY_FILE = "vocabulary.parquet"
"""What the vocabulary of a model is called beside it."""

_FORMAT_KEY = b"tfcompress.vocabulary"
_FORMAT_VERSION = b"1"
# Partial counts are merged once they hold this many rows, or as many as the merged ones: the
# memory stays in proportion to the distinct tokens and every row is merged O(log) times.
_MERGE_ROWS = 1 << 18


def as_tokens(values: Any) -> pa.Array:
    """`values` as one Arrow array of the two token types, string or int64.

    Args:
        values: pyarrow Array or ChunkedArray, NumPy array or sequence. Strings or integers.

    Returns:
        pa.Array of type string or int64; nulls stay nulls.

    Raises:
        DataError: another type, or values of mixed types.
    """
    if not isinstance(values, pa.Array | pa.ChunkedArray):
        try:
            values = pa.array(values)
        except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
            raise DataError(f"tokens: must be all strings or all int64 integers; {error}") from None
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_int64(kind):
        return values
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return values.cast(pa.string())
    if pa.types.is_integer(kind) or pa.types.is_null(kind):
        try:
            return values.cast(pa.int64())
        except pa.ArrowInvalid:  # uint64 beyond int64
            return values.cast(pa.string())
    raise DataError(f"tokens: must be strings or integers, got {kind}; convert them first")


def count_tokens(batches: Iterable[Any]) -> tuple[pa.Array, NDArray[np.int64]]:
    """Counts tokens that arrive piece by piece, in memory that grows with the distinct ones only.

    Args:
        batches: iterable of pyarrow arrays (plain or dictionary-encoded). Strings, or integers.

    Returns:
        The distinct tokens (pa.Array, string or int64) in no particular order and how often each
        occurs (int64 array of the same length).

    Raises:
        DataError: a batch holds nulls or has another type than the ones before it.
    """
    merged: pa.Table | None = None
    pending: list[pa.Table] = []
    pending_rows = 0
    for number, batch in enumerate(batches):
        if not len(batch):
            continue
        table = _count_batch(batch, number)
        if pending and pending[0].schema != table.schema:
            raise DataError(
                f"tokens: batch {number} holds {table.schema.field('token').type}, the ones before "
                f"it {pending[0].schema.field('token').type}; give all tokens one type"
            )
        pending.append(table)
        pending_rows += len(table)
        if pending_rows > max(_MERGE_ROWS, len(merged) if merged is not None else 0):
            merged = _merge(pending if merged is None else [merged, *pending])
            pending, pending_rows = [merged.slice(0, 0)], 0
    parts = ([] if merged is None else [merged]) + pending
    if not parts:
        return pa.array([], pa.string()), np.empty(0, np.int64)
    result = _merge(parts)
    return as_tokens(result["token"]), result["count"].to_numpy()


def _count_batch(batch: Any, number: int) -> pa.Table:
    if isinstance(batch, pa.Array) and pa.types.is_dictionary(batch.type):
        indices, tokens = batch.indices, as_tokens(batch.dictionary)
        nulls = indices.null_count + tokens.null_count
        counts = np.bincount(indices.drop_null().to_numpy(), minlength=len(tokens))
        table = pa.table({"token": tokens, "count": counts.astype(np.int64)})
    else:
        tokens = as_tokens(batch)
        nulls = tokens.null_count
        found = tokens.value_counts()
        table = pa.table({"token": found.field("values"), "count": found.field("counts")})
    if nulls:
        raise DataError(f"tokens: batch {number} has {nulls} missing values; drop or name them")
    return table


def _merge(tables: list[pa.Table]) -> pa.Table:
    summed = pa.concat_tables(tables).group_by("token").aggregate([("count", "sum")])
    return summed.rename_columns(["token", "count"])


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Tokens ranked by frequency: `tokens[k]` has the id `k + 2`, the most frequent one id 2.

    Id 0 is padding and id 1 stands for every token that is not in the vocabulary. Ties go to the
    smaller token (strings by their UTF-8 bytes), so equal counts always give equal ids.

    Attributes:
        tokens: pa.Array, string or int64. Distinct, without nulls.
        counts: int64 array, shape `(len(tokens),)`. Occurrences in training, never increasing.
    """

    tokens: pa.Array
    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        if not (pa.types.is_string(self.tokens.type) or pa.types.is_int64(self.tokens.type)):
            raise DataError(f"tokens: must be string or int64, got {self.tokens.type}")
        if len(self.tokens) != len(self.counts):
            raise DataError(f"tokens: {len(self.tokens)} of them, but {len(self.counts)} counts")
        if self.size > np.iinfo(np.int32).max:
            raise DataError(f"tokens: {len(self.tokens)} are more than int32 ids can name")
        if self.tokens.null_count:
            raise DataError(f"tokens: {self.tokens.null_count} are missing (null)")
        if len(self.counts) and self.counts.min() < 0:
            raise DataError(f"counts: must not be negative, got {self.counts.min()}")
        if (rising := np.flatnonzero(np.diff(self.counts) > 0)).size:
            raise DataError(f"counts: must not increase, but row {rising[0] + 1} is above the last")
        if (distinct := pc.count_distinct(self.tokens).as_py()) != len(self.tokens):
            raise DataError(f"tokens: only {distinct} of {len(self.tokens)} are distinct")

    @classmethod
    def from_counts(
        cls, tokens: Any, counts: ArrayLike, *, min_count: int = 1, max_size: int | None = None
    ) -> Vocabulary:
        """Ranks tokens by how often they occur.

        Args:
            tokens: array of distinct strings or integers.
            counts: integers, one per token.
            min_count: int. Rarer tokens are left out, and become id 1 when encoded.
            max_size: int or None. At most so many tokens are kept, the most frequent ones.

        Raises:
            DataError: `tokens` are not distinct, or of another type.
        """
        table = pa.table({"token": as_tokens(tokens), "count": np.asarray(counts, np.int64)})
        table = table.filter(pc.field("count") >= min_count)
        table = table.sort_by([("count", "descending"), ("token", "ascending")])
        if max_size is not None:
            table = table.slice(0, max_size)
        return cls(as_tokens(table["token"]), table["count"].to_numpy())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return self.tokens.equals(other.tokens) and np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        return hash(self.sha256)

    @property
    def size(self) -> int:
        """The number of ids, padding and out-of-vocabulary included: a layer's `input_dim`."""
        return len(self.tokens) + FIRST_ID

    @property
    def id_counts(self) -> NDArray[np.int64]:
        """Training counts by id: int64 array, shape `(size,)`, 0 for the ids 0 and 1."""
        return np.concatenate([np.zeros(FIRST_ID, np.int64), self.counts])

    def encode(self, tokens: Any) -> NDArray[np.int32]:
        """The ids of `tokens`, 1 for each that is unknown or missing.

        Integers and their decimal spelling name the same token, whichever of the two types the
        vocabulary was counted on ("7" is 7, but "07" is not).

        Returns:
            int32 array of the same length.
        """
        wanted = as_tokens(tokens)
        known = self.tokens
        if wanted.type != known.type:
            wanted, known = wanted.cast(pa.string()), known.cast(pa.string())
        positions = pc.fill_null(pc.index_in(wanted, value_set=known), OOV_ID - FIRST_ID)
        return np.asarray(positions.to_numpy() + np.int32(FIRST_ID), np.int32)

    def decode(self, ids: Sequence[int] | NDArray[Any]) -> pa.Array:
        """The tokens of `ids`, null for padding (0) and out-of-vocabulary (1).

        Raises:
            DataError: an id is no integer, negative or not below `size`.
        """
        given = np.asarray(ids)
        if given.size and not np.issubdtype(given.dtype, np.integer):
            raise DataError(f"ids: got values of type {given.dtype}, expected integers")
        ids = given.astype(np.int64)
        if (wrong := ids[(ids < 0) | (ids >= self.size)]).size:
            raise DataError(f"ids: {wrong[0]} is not in 0..{self.size - 1}")
        return self.tokens.take(pa.array(ids - FIRST_ID, mask=ids < FIRST_ID))

    @cached_property
    def sha256(self) -> str:
        """Hex SHA-256 of the type of the tokens and the tokens in order; counts do not matter."""
        digest = hashlib.sha256(f"{self.tokens.type}\0".encode())
        if pa.types.is_int64(self.tokens.type):
            digest.update(self.tokens.to_numpy().astype("<i8").tobytes())
        else:
            # Lengths first: ["ab", "c"] and ["a", "bc"] have the same text.
            digest.update(pc.binary_length(self.tokens).to_numpy().astype("<i8").tobytes())
            _, offsets, text = self.tokens.buffers()
            if text is not None:
                ends = np.frombuffer(offsets, np.int32)[self.tokens.offset :][
                    : len(self.tokens) + 1
                ]
                digest.update(text[int(ends[0]) : int(ends[-1])])
        return digest.hexdigest()

    def save(self, path: Path, *, overwrite: bool = True) -> None:
        """Writes a Parquet file of two columns, `token` and `count`, the row k being id k + 2."""
        table = pa.table({"token": self.tokens, "count": self.counts})
        table = table.replace_schema_metadata({_FORMAT_KEY: _FORMAT_VERSION})
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
        write_file(Path(path), sink.getvalue().to_pybytes(), overwrite=overwrite)

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Reads what `save` wrote.

        Raises:
            DataError: the file is missing, damaged, or no vocabulary this version can read.
        """
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                table = file.read()
        except FileNotFoundError:
            raise DataError(f"{path}: no such file; it should be a vocabulary") from None
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(path, error) from None
        version = (table.schema.metadata or {}).get(_FORMAT_KEY)
        names = ", ".join(table.schema.names)
        if version is None:
            raise DataError(
                f"{path}: a Parquet file with columns {names}, but not a vocabulary written by "
                "tfcompress; pass the vocabulary.parquet of a run"
            )
        if version != _FORMAT_VERSION:
            raise DataError(
                f"{path}: vocabulary format {version.decode(errors='replace')}, this version reads "
                f"{_FORMAT_VERSION.decode()}; update tfcompress"
            )
        try:
            if table.schema.names != ["token", "count"]:
                raise DataError(f"columns: expected token, count, got {names}")
            counts = table["count"]
            if not pa.types.is_int64(counts.type) or counts.null_count:
                kind = f"{counts.type} with {counts.null_count} nulls"
                raise DataError(f"counts: must be int64 without nulls, got {kind}")
            return cls(as_tokens(table["token"]), counts.to_numpy())
        except DataError as error:
            raise DataError(f"{path}: {error}; was the vocabulary changed by hand?") from None


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = first_line(error).rstrip(". ")
    return DataError(f"{path}: not a readable Parquet file ({reason}); make the vocabulary again")
