"""Chooses how the rows of a table become bits for the decoder of builtin operators.

Mode `fixed` has the code that makes the longest row shortest (`codec.fixed`, `longest_row`),
`indexed` the one that makes all rows shortest. Where few enough combinations of neighbouring values
occur, as in coarse tables, a word stands for 2 to 8 of them: fewer bits, and fewer operators to
decode a row.
"""

from dataclasses import dataclass

import numpy as np

from tfcompress.codec import fixed
from tfcompress.codec.source import Source
from tfcompress.errors import ConfigError
from tfcompress.tflite.builtin.code_choice import code_of
from tfcompress.tflite.builtin.code_lookups import CodeLookups, compact_lookups, whole_lookups
from tfcompress.tflite.builtin.longest_row import for_longest_row
from tfcompress.tflite.builtin.row_bits import (
    MAX_LOOKUP_BITS,
    U8,
    RowCode,
    RowCoder,
    grouped,
    groups_of,
    keys,
)
from tfcompress.tflite.builtin.row_places import RowPlaces, fixed_places, indexed_places

_GROUPS = (8, 6, 5, 4, 3, 2, 1)
_SAMPLED_VALUES = 1 << 18
_LARGE_TABLE = 8 << MAX_LOOKUP_BITS
_STEP_BYTES = 280
"""Bytes of one to five operators."""
_STEPS_WORTH = 0.05
"""The part of a table's bytes given for fewer words a row, which decode faster."""
_HOPE = 0.8
"""What a search may leave of the longest row; at best 0.87 was met."""
_INDEX_BITS = 16
"""Of a row of mode `indexed`, with a margin."""
_COMPACT_BYTES = 500
"""Bytes of the operators of compact look-ups."""
_TIME_WORTH = 0.003
"""The part of a table's bytes given for some 5 % of the time at one id: compact look-ups have to
save more than that, and wide ones may not take more."""


@dataclass(frozen=True)
class RowPlan:
    """Everything chosen; what is left is to encode.

    Attributes:
        coder: RowCoder.
        lookups: CodeLookups. Of its code.
        columns: int. Values in a row.
        places: RowPlaces. Where rows start.
    """

    coder: RowCoder
    lookups: CodeLookups
    columns: int
    places: RowPlaces

    @property
    def mode(self) -> str:
        """The name of the mode."""
        return "fixed" if self.places.offset is None else "indexed"

    @property
    def code(self) -> RowCode:
        """The code of the rows."""
        return self.coder.code

    @property
    def steps(self) -> int:
        """Words of a row."""
        return -(-self.columns // self.code.group)

    @property
    def nbytes(self) -> int:
        """Bytes of payload, places and the look-ups of the code."""
        return self.places.payload_bytes(1) + self.lookups.nbytes + self.places.nbytes

    @property
    def shipped_bytes(self) -> int:
        """The same and, roughly, the operators."""
        return self.nbytes + _STEP_BYTES * self.steps

    def encode(self, values: U8, size: int) -> U8:
        """The payload, flat, of `size` bytes."""
        return self.coder.encode(values, self.places.starts(), size)


def plan_rows(values: U8, source: Source, mode: str, *, is_compact: bool) -> RowPlan:
    """The plan that comes out smallest; of those as good as that the one of the fewest words.

    Args:
        values: uint8 array (n, D). From `row_values.split`.
        source: Source. The same table as the codec sees it.
        mode: str. "fixed", "indexed" or "auto".
        is_compact: bool. Whether the decoder takes compact look-ups too.

    Raises:
        ConfigError: the mode cannot hold this table.
    """
    rows, columns = values.shape
    ways: list[tuple[RowCoder, RowPlaces | None]] = []
    # The longest row that is worth a search: beyond it `indexed` stays smaller.
    hopeful = np.inf
    whole = _mean_coders(values, is_compact=False) if mode != "indexed" or not is_compact else []
    if mode != "fixed":
        for coder in _mean_coders(values, is_compact=True) if is_compact else whole:
            row_bits = coder.row_bits(values)
            ways.append((coder, indexed_places(row_bits)))
            hopeful = min(hopeful, (float(row_bits.mean()) + _INDEX_BITS) / _HOPE)
    if mode != "indexed":
        # The long words of compact look-ups would make the longest row longer.
        is_searched = mode == "fixed" or fixed.may_be_smaller(source)
        for coder in whole:
            found, longest = coder, int(coder.row_bits(values).max())
            if is_searched and coder.code.group > 1 and longest <= hopeful:
                found, longest = for_longest_row(coder, values)
            ways.append((found, fixed_places(rows, longest)))
        if is_searched:
            coder = RowCoder(_worst_row_code(values, source))
            ways.append((coder, fixed_places(rows, int(coder.row_bits(values).max()))))
    plans = [
        RowPlan(coder, _lookups(coder.code, places, is_compact=is_compact), columns, places)
        for coder, places in ways
        if places
    ]
    if not plans:
        raise ConfigError(
            f"codec: the rows are too many or too uneven for mode {mode!r} of target 'builtin'; "
            "use target 'delegate'"
        )
    most = (1 + _STEPS_WORTH) * min(plan.shipped_bytes for plan in plans)
    small = [plan for plan in plans if plan.shipped_bytes <= most]
    return min(small, key=lambda plan: (plan.steps, plan.nbytes))


def _mean_coders(values: U8, *, is_compact: bool) -> list[RowCoder]:
    """Coders of the shortest codes for all rows, by the number of values of a word."""
    codes = [_mean_code(values, group, is_compact=is_compact) for group in _GROUPS]
    return [RowCoder(code) for code in codes if code is not None]


def _mean_code(values: U8, group: int, *, is_compact: bool) -> RowCode | None:
    """The shortest code for all rows; None where too many combinations occur."""
    if group > max(1, values.shape[1]):
        return None
    most = 1 << MAX_LOOKUP_BITS
    step = max(1, values.size // _SAMPLED_VALUES)
    sample = np.unique(keys(grouped(values[::step], group)))
    if len(sample) > most:
        return None
    found, counts = np.unique(keys(grouped(values, group)), return_counts=True)
    if len(found) > most:
        return None
    return code_of(groups_of(found, group), counts, is_compact=is_compact)


def _lookups(code: RowCode, places: RowPlaces, *, is_compact: bool) -> CodeLookups:
    """Compact and wide look-ups where the decoder takes them and they are worth it."""
    whole = whole_lookups(code)
    if not is_compact:
        return whole
    little = _TIME_WORTH * places.payload_bytes(1)
    found = compact_lookups(code)
    if code.bits <= MAX_LOOKUP_BITS and whole.nbytes - found.nbytes - _COMPACT_BYTES <= little:
        found = whole
    wide = found.wide()
    return wide if wide.nbytes - found.nbytes <= little else found


def _worst_row_code(values: U8, source: Source) -> RowCode:
    """The code of the codec's mode `fixed`, by the byte of a value."""
    # A bit less a row has to make up for look-ups of twice the bytes.
    longest = MAX_LOOKUP_BITS if len(values) >= _LARGE_TABLE else MAX_LOOKUP_BITS - 1
    lengths = fixed.plan(source, lambda rows: None, longest).lengths
    is_signed = source.dtype in ("int8", "int4")
    # The codec counts symbols from -128; those of unsigned types are the value less 128.
    by_byte = np.roll(lengths, 128) if is_signed else lengths
    present = np.flatnonzero(by_byte)
    if not len(present):  # one value in all of the table
        present, by_byte = np.unique(values), np.ones(256, np.uint8)
    return RowCode(present.astype(np.uint8)[:, None], by_byte[present].astype(np.int64))
