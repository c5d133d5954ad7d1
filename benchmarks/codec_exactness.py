"""The row codec's promises on many more tables than the tests try.

    python benchmarks/codec_exactness.py [TABLES PER MODE] [MUTANTS]

Packs random tables of every mode and dtype and counts bytes that differ after unpacking, with the
C decoder; then mutants and every truncation of the golden tables: each must be refused or give the
exact rows.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec import PackedTable, layout, pack
from tfcompress.errors import CorruptTableError

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden" / f"codec_v{layout.VERSION}"
MUTATED = ("indexed", "context", "predictive", "rate", "rate_ranked")


def random_table(generator: np.random.Generator) -> NDArray[np.int8]:
    """Any shape up to 150 x 40; noise, skewed, constant, sparse, or rows of different loudness."""
    rows, columns = int(generator.integers(0, 151)), int(generator.integers(0, 41))
    kind = generator.integers(6)
    if kind == 0:
        values = generator.integers(-128, 128, (rows, columns))
    elif kind == 1:
        values = np.rint(generator.laplace(0, 10.0 ** generator.uniform(-2, 1.7), (rows, columns)))
    elif kind == 2:
        values = np.full((rows, columns), generator.integers(-128, 128))
    elif kind == 3:
        values = generator.integers(-128, 128, (rows, columns)) * (
            generator.random((rows, columns)) < 0.05
        )
    elif kind == 4:
        loud = np.exp(generator.normal(0, 1.5, (rows, 1)))
        values = np.rint(loud * generator.normal(size=(rows, columns)))
        if columns > 1:
            values[:, 1:] += np.rint(0.8 * values[:, :-1])
    else:
        symbols = np.minimum(generator.geometric(0.5, (rows, columns)), 40) - 10
        values = symbols * generator.choice([-1, 1], (rows, columns))
    return np.clip(values, -128, 127).astype(np.int8)


def as_dtype(table: NDArray[np.int8], dtype: str) -> tuple[NDArray[np.generic], dict[str, str]]:
    """The table in another dtype."""
    if dtype == "int4":
        return table.view(np.uint8), {"dtype": "int4"}
    if dtype in ("float32", "float16"):
        return (table * np.float32(0.37)).astype(dtype), {}
    return table.view(dtype), {}


def exactness(tables: int) -> None:
    """Packs and unpacks."""
    for mode in layout.MODES:
        generator = np.random.default_rng(layout.MODES.index(mode))
        start, differing, values = time.perf_counter(), 0, 0
        for number in range(tables):
            dtype = "int8" if number % 2 else layout.DTYPES[number // 2 % 5]
            if mode in ("predictive", "rate") and dtype.startswith("float"):
                dtype = "int8"
            table, options = as_dtype(random_table(generator), dtype)
            packed = PackedTable.from_bytes(pack(table, mode, **options).to_bytes())
            packed.verify()
            result = packed.unpack()
            differing += np.count_nonzero(result.view(np.uint8) != table.view(np.uint8))
            values += table.nbytes
        seconds = time.perf_counter() - start
        print(
            f"{mode:10} {tables} tables, {values} bytes, {differing} differ, {seconds:.0f} s",
            flush=True,
        )


def mutants(blob: bytes, count: int) -> Iterator[bytes]:
    """Copies with one to four bytes changed, exchanged, left out or put in."""
    generator = np.random.default_rng(len(blob))
    for _ in range(count):
        data = bytearray(blob)
        for _ in range(generator.integers(1, 5)):
            at, other = (int(place) for place in generator.integers(len(data), size=2))
            kind = generator.integers(4)
            if kind == 0:
                data[at] ^= 1 << int(generator.integers(8))
            elif kind == 1:
                data[at] = int(generator.integers(256))
            elif kind == 2:
                data[at], data[other] = data[other], data[at]
            elif generator.integers(2):
                del data[at]
            else:
                data.insert(at, int(generator.integers(256)))
        yield bytes(data)


def corruption(count: int) -> None:
    """Damages golden tables."""
    expected = json.loads((GOLDEN / "tables.json").read_text())
    for name in MUTATED:
        blob = (GOLDEN / f"{name}.tfct").read_bytes()
        rows = bytes.fromhex(expected[name]["rows"])
        outcomes = {"refused": 0, "exact": 0, "WRONG": 0}
        damaged = [blob[:size] for size in range(len(blob))]
        for data in (*damaged, *mutants(blob, count // len(MUTATED))):
            try:
                packed = PackedTable.from_bytes(data)
                packed.verify()
                exact = packed.unpack().tobytes() == rows
                outcomes["exact" if exact else "WRONG"] += 1
            except CorruptTableError:
                outcomes["refused"] += 1
        print(
            f"{name:10} {len(damaged)} truncations and {count // len(MUTATED)} mutants: {outcomes}"
        )


if __name__ == "__main__":
    corruption(int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
    exactness(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
