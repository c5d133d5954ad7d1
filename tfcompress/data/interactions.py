"""Interactions on their way from a reader to rows of integers: one row per user, in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tfcompress.data.ragged import Ragged
from tfcompress.errors import DataError
from tfcompress.vocabulary import as_tokens


@dataclass(frozen=True)
class Batch:
    """A piece of a file as a reader yields it, one entry per interaction.

    Attributes:
        users: pa.Array. Strings or integers, plain or dictionary-encoded, without nulls.
        items: pa.Array. As `users`, of the same length.
        times: int64 or float64 array, or None where the order in the file is the order in time.
    """

    users: pa.Array
    items: pa.Array
    times: NDArray[Any] | None = None


@dataclass(frozen=True)
class Indexed:
    """Several parts (train, test, ...) that name the same tokens by the same indices.

    Attributes:
        parts: list of int32 arrays. Indices into `tokens`, in the order of the file.
        tokens: pa.Array, string or int64. Distinct, in the order of their first appearance.
    """

    parts: list[NDArray[np.int32]]
    tokens: pa.Array


def narrow(tokens: pa.Array) -> pa.Array:
    """Strings that all spell int64 integers, as int64; anything else as it came.

    Only the canonical spelling counts: "007" or "+7" keeps all tokens strings, because as integers
    it could not be told from "7".
    """
    if not pa.types.is_string(tokens.type) or not len(tokens):
        return tokens
    try:
        integers = tokens.cast(pa.int64())
    except pa.ArrowInvalid:
        return tokens
    return integers if integers.cast(pa.string()).equals(tokens) else tokens


def index_tokens(parts: Sequence[Sequence[pa.Array]]) -> Indexed:
    """Replaces the tokens of each part (a list of arrays) by indices into one list of tokens."""
    encoded = [_dictionary(array) for part in parts for array in part]
    if len({array.type for array in encoded}) > 1:
        # One file holds integers, another strings: compare both as text.
        encoded = [
            pa.DictionaryArray.from_arrays(array.indices, array.dictionary.cast(pa.string()))
            for array in encoded
        ]
    if not encoded:
        return Indexed([np.empty(0, np.int32) for _ in parts], pa.array([], pa.string()))
    unified = pa.chunked_array(encoded).unify_dictionaries()
    arrays = iter([chunk.indices.to_numpy() for chunk in unified.chunks])
    indices = [_concatenate([next(arrays) for _ in part]) for part in parts]
    return Indexed(indices, narrow(unified.chunk(0).dictionary))


def _dictionary(array: pa.Array) -> pa.DictionaryArray:
    if not pa.types.is_dictionary(array.type):
        array = as_tokens(array).dictionary_encode()
    tokens = as_tokens(array.dictionary)
    if array.null_count or tokens.null_count:
        raise DataError("tokens: some are missing (null); remove those rows")
    return pa.DictionaryArray.from_arrays(array.indices.cast(pa.int32()), tokens)


def _concatenate(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.empty(0, np.int32)


def rows_by_user(parts: Sequence[Iterable[Batch]]) -> tuple[list[Ragged], pa.Array]:
    """Groups the interactions of each part by user, each user's in the order of time.

    Interactions at the same time, or all where there is no time, keep the order of the file.
    Repeated interactions stay.

    Args:
        parts: the batches of each file.

    Returns:
        One Ragged per part, of indices into the tokens, and the tokens. Row u is the same user in
        every part (users in the order of their first appearance), and empty where it has none.
    """
    read = [list(part) for part in parts]
    items = index_tokens([[batch.items for batch in part] for part in read])
    users = index_tokens([[batch.users for batch in part] for part in read])
    times = [
        None
        if any(batch.times is None for batch in part)
        else _concatenate([batch.times for batch in part if batch.times is not None])
        for part in read
    ]
    del read
    rows = [
        _group(part_users, part_items, part_times, len(users.tokens))
        for part_users, part_items, part_times in zip(users.parts, items.parts, times, strict=True)
    ]
    return rows, items.tokens


def _group(
    users: NDArray[np.int32], items: NDArray[np.int32], times: NDArray[Any] | None, num_users: int
) -> Ragged:
    if times is not None and len(times):
        items = items[np.lexsort((times, users))]
    elif np.any(np.diff(users) < 0):
        items = items[np.argsort(users, kind="stable")]
    return Ragged.from_lengths(items, np.bincount(users, minlength=num_users))
