"""File bytes and lookup latency of one table by number type, beside ai-edge-quantizer.

    python benchmarks/table_dtypes.py [--rows 100000] [--cols 64] [--json FILE]

One model, ids -> rows. tfcompress converts it with every `table_dtype`; the peer is what
ai-edge-quantizer makes of the same table once its GATHER is an EMBEDDING_LOOKUP (it skips a
GATHER). All files are timed in turns in one process, one thread, so that whatever else the machine
does falls on all of them alike.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from lookups import BATCHES, INVOKES, ROUNDS, latencies_us, runner


def build_model(table: np.ndarray) -> Any:
    import keras

    from tfcompress.layers import FullEmbedding

    ids = keras.Input((), dtype="int32", name="ids")
    embedding = FullEmbedding(*table.shape, name="items")
    model = keras.Model(ids, embedding(ids))
    embedding.embeddings.assign(table)
    return model


def as_embedding_lookup(content: bytes) -> bytes:
    """The float32 file with its GATHER turned into an EMBEDDING_LOOKUP."""
    from tfcompress.tflite.graph.flatbuffer import read
    from tfcompress.tflite.graph.prune import prune

    file = read(content)
    subgraph = file.subgraphs[0]
    (gather,) = subgraph.operators
    table, ids = gather.inputs
    subgraph.operators = [file.operator("EMBEDDING_LOOKUP", [ids, table], gather.outputs)]
    prune(file)
    return file.to_bytes()


def peer(content: bytes, recipe_name: str) -> bytes:
    from ai_edge_quantizer import quantizer, recipe

    made = quantizer.Quantizer(content, getattr(recipe, recipe_name)())
    result = made.quantize(enable_progress_bar=False, enable_progress_report=False)
    return bytes(result.quantized_model)


def files(table: np.ndarray) -> dict[str, bytes]:
    from tfcompress.tflite import convert

    model = build_model(table)
    made = {}
    for dtype in ("float32", "float16", "int8", "int4"):
        made[f"tfcompress {dtype}"] = convert(model, table_dtype=dtype)
    for dtype in ("int8", "int4"):
        name = f"tfcompress {dtype}, one scale"
        made[name] = convert(model, table_dtype=dtype, granularity="per_table")
    lookup = as_embedding_lookup(made["tfcompress float32"])
    for name, recipe_name in {
        "ai-edge-quantizer int8": "dynamic_wi8_afp32",
        "ai-edge-quantizer int4": "dynamic_wi4_afp32",
        "ai-edge-quantizer int4, blocks of 32": "dynamic_wi4b32_afp32",
        "ai-edge-quantizer int4, blocks of 64": "dynamic_wi4b64_afp32",
    }.items():
        try:
            made[name] = peer(lookup, recipe_name)
        except (AttributeError, ValueError, NotImplementedError) as error:
            print(f"{name}: {error}")
    return made


def snr(table: np.ndarray, content: bytes) -> float:
    from tfcompress.quantization import snr_db

    invoke, rows = runner(content, np.arange(len(table), dtype=np.int32))
    invoke()
    return snr_db(table, rows())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--cols", type=int, default=64)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from rich.console import Console
    from rich.table import Table

    rng = np.random.default_rng(0)
    shape = (arguments.rows, arguments.cols)
    table = (rng.standard_normal(shape) * rng.uniform(0.1, 1, (shape[0], 1))).astype(np.float32)
    made = files(table)
    timed = {batch: latencies_us(made, arguments.rows, batch) for batch in BATCHES}
    results = [
        {
            "file": name,
            "file_bytes": len(content),
            "snr_db": snr(table, content),
            "latency_us": {str(batch): timed[batch][name] for batch in BATCHES},
        }
        for name, content in made.items()
    ]
    printed = Table(title=f"{shape[0]:,} x {shape[1]}, one thread, median of {ROUNDS * INVOKES}")
    for heading in ("file", "bytes", "SNR dB", *(f"us at {batch}" for batch in BATCHES)):
        printed.add_column(heading, justify="left" if heading == "file" else "right")
    for result in results:
        printed.add_row(
            result["file"],
            f"{result['file_bytes']:,}",
            f"{result['snr_db']:.2f}",
            *(f"{value:.2f}" for value in result["latency_us"].values()),
        )
    Console().print(printed)
    if arguments.json:
        from tfcompress.files import write_file

        write_file(arguments.json, json.dumps(results, indent=1).encode())


if __name__ == "__main__":
    main()
