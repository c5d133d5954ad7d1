"""Every mode and every baseline on one table, side by side with the certified limit."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec import layout, predictive, rate
from tfcompress.codec.baselines import Baseline, annealed_8bit, row_limits, two_tree_4bit
from tfcompress.codec.frequencies import entropy
from tfcompress.codec.packed_table import PackedTable
from tfcompress.codec.packing import pack
from tfcompress.codec.source import as_source
from tfcompress.codec.worst_row.certify import Certificate, certify
from tfcompress.codec.worst_row.row_source import TableRows
from tfcompress.quantization import QuantizedTable

FIXED_CODE_BITS = layout.MAX_CODE_BITS
"""The longest word that mode `fixed` takes unless told otherwise, and so what its limit is for."""

_IS_OFFERED = {"predictive": predictive.can_predict, "rate": rate.can_code}
_DECODED_ROWS = 20_000
_DECODING_ROUNDS = 30

ByteTable = NDArray[np.int8] | NDArray[np.uint8]


@dataclass(frozen=True)
class ModeResult:
    """What a mode made of the table.

    Attributes:
        name: str. The mode.
        saved: float. 1 - all its bytes / the bytes of the table; scales count on both sides.
        nbytes: int. All its bytes: header, index, codes, checksums, scales.
        bits_per_value: float. All its bits over the number of values.
        stride_bits: int or None. Bits from row to row, where they are fixed.
        encode_s: float. Seconds to choose its code and to pack the table, on all cores.
        decode_us: float or None. Microseconds for one random row, in one thread and within a call
            for many; None without rows.
    """

    name: str
    saved: float
    nbytes: int
    bits_per_value: float
    stride_bits: int | None
    encode_s: float
    decode_us: float | None


@dataclass(frozen=True)
class Comparison:
    """One table under every mode and baseline.

    Attributes:
        rows: int. Number of rows.
        columns: int. Values per row.
        entropy: float. Bits a value has if all values are drawn alike: what one code per table can
            reach on average, no overheads counted.
        certificate: Certificate. The limit of any single prefix code with a fixed stride, for
            words of up to `FIXED_CODE_BITS`.
        modes: tuple of ModeResult. Those offered for a table of that width.
        baselines: tuple of Baseline.
    """

    rows: int
    columns: int
    entropy: float
    certificate: Certificate
    modes: tuple[ModeResult, ...]
    baselines: tuple[Baseline, ...]

    @property
    def best(self) -> ModeResult:
        """The mode that saves most."""
        return max(self.modes, key=lambda mode: mode.saved)

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values; shares saved are fractions, not percent."""
        columns = self.columns
        return {
            "rows": self.rows,
            "cols": columns,
            "entropy_bits": self.entropy,
            "certified": {
                "max_length": self.certificate.max_length,
                "stride_bits": self.certificate.stride,
                "saved": self.certificate.saved(columns),
                "certificate": json.loads(self.certificate.to_json()),
            },
            "modes": [
                {
                    "name": mode.name,
                    "saved": mode.saved,
                    "nbytes": mode.nbytes,
                    "bits_per_value": mode.bits_per_value,
                    "stride_bits": mode.stride_bits,
                    "encode_s": mode.encode_s,
                    "decode_us_per_row": mode.decode_us,
                }
                for mode in self.modes
            ],
            "baselines": [
                {"name": baseline.name, "saved": baseline.saved, "stride_bits": baseline.stride}
                for baseline in self.baselines
            ],
        }


def compare(
    table: ByteTable | QuantizedTable,
    *,
    on_step: Callable[[str], None] = lambda name: None,
) -> Comparison:
    """Packs a table in every mode offered for it, and runs every baseline on it.

    Args:
        table: int8 or uint8 array, shape `(n, D)`, or a QuantizedTable, whose scales are then
            counted with the modes (the baselines and the limit count integers only).
        on_step: callable. Called with the name of each step before it starts.

    Returns:
        Comparison.

    Raises:
        ConfigError: `table` is not of bytes, or too wide for the packed format.
    """
    integers: ByteTable = table.integers if isinstance(table, QuantizedTable) else table
    on_step("certified limit")
    source = TableRows(integers)
    certificate = certify(source, FIXED_CODE_BITS)
    modes = tuple(_measure_modes(table, integers, on_step))
    on_step("two_tree_4bit")
    baselines = [two_tree_4bit(integers)]
    for start in ("balanced", "huffman"):
        on_step(f"annealed_8bit, {start} start")
        baselines.append(annealed_8bit(integers, start))
    on_step("row_limits")
    baselines += row_limits(integers)
    rows, columns = integers.shape
    return Comparison(rows, columns, entropy(source.totals), certificate, modes, tuple(baselines))


def _measure_modes(
    table: ByteTable | QuantizedTable, integers: ByteTable, on_step: Callable[[str], None]
) -> Iterator[ModeResult]:
    source = as_source(integers)
    for name in layout.MODES:
        if name in _IS_OFFERED and not _IS_OFFERED[name](source):
            continue
        on_step(name)
        start = time.perf_counter()
        packed = pack(table, name)
        seconds = time.perf_counter() - start
        yield ModeResult(
            name,
            packed.saved,
            packed.nbytes,
            8 * packed.nbytes / integers.size if integers.size else 0.0,
            packed.header.stride_bits or None,
            seconds,
            decode_us(packed),
        )


def decode_us(packed: PackedTable) -> float | None:
    """Microseconds to decode one row: the best of some calls for many random rows, one thread."""
    num_rows = packed.shape[0]
    if not num_rows:
        return None
    ids = np.random.default_rng(0).integers(0, num_rows, _DECODED_ROWS)
    best = np.inf
    for _ in range(_DECODING_ROUNDS):
        start = time.perf_counter()
        packed.rows(ids)
        best = min(best, time.perf_counter() - start)
    return float(1e6 * best / len(ids))
