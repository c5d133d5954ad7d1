"""How close each embedding layer comes to a trained table, before any training of its own.

    python benchmarks/fit_table.py TABLE.npy [--ratios 4 10 16 40] [--json FILE]

`fit_table` on every layer by name: signal-to-noise ratio in decibels of all rows, the parameters
and the seconds it took. A row's rank is its place in the table; Huffman codes take Zipf's counts.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

CHUNK = 1 << 16


def fit(name: str, matrix: np.ndarray, ratio: float) -> dict[str, Any]:
    """The layer of that name and ratio, fitted; or why there is none."""
    from tfcompress import layers
    from tfcompress.errors import ConfigError
    from tfcompress.quantization import snr_db

    rows, cols = matrix.shape
    counts = (1e7 / np.arange(1, rows + 1)).astype(np.int64)
    try:
        layer = layers.create(name, rows, cols, ratio=ratio, counts=counts)
    except ConfigError as error:
        return {"layer": name, "ratio": ratio, "error": str(error)}
    start = time.perf_counter()
    layer.fit_table(matrix)
    seconds = time.perf_counter() - start
    ids = np.arange(rows, dtype=np.int32)
    Console(stderr=True).print(f"{layer} {seconds:.1f} s", highlight=False, soft_wrap=True)
    parts = [np.asarray(layer(ids[at : at + CHUNK])) for at in range(0, rows, CHUNK)]
    return {
        "layer": name,
        "ratio": ratio,
        "parameters": layer.num_parameters,
        "snr_db": snr_db(matrix, np.concatenate(parts)),
        "seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--ratios", type=float, nargs="+", default=[4, 10, 16, 40])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "jax")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from tfcompress import layers

    matrix = np.load(arguments.table).astype(np.float32)
    names = [name for name in layers.NAMES if name != "full"]
    found = {
        (name, ratio): fit(name, matrix, ratio) for name in names for ratio in arguments.ratios
    }
    title = f"{arguments.table.name}, {matrix.shape[0]:,} x {matrix.shape[1]}: dB (seconds)"
    table = Table(title=title, title_justify="left", box=None)
    for heading in ("layer", *(f"{ratio:g}x" for ratio in arguments.ratios)):
        table.add_column(heading, justify="left" if heading == "layer" else "right")
    for name in names:
        row = [found[name, ratio] for ratio in arguments.ratios]
        table.add_row(
            name,
            *("-" if "error" in r else f"{r['snr_db']:.2f} ({r['seconds']:.1f})" for r in row),
        )
    Console(width=100).print(table)
    if arguments.json:
        from tfcompress.files import write_file

        content = json.dumps(list(found.values()), indent=1).encode()
        write_file(arguments.json, content, overwrite=True)


if __name__ == "__main__":
    main()
