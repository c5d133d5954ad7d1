"""Times packed lookups in the delegate beside a GATHER on the plain table: one process, one thread.

    python benchmarks/delegate.py [--rows 100000] [--columns 64] [--json FILE]

An int8 table of Gaussian values (about 5.8 bits of entropy a value), random ids, every mode. All
files take turns, so that whatever else the machine does falls on all of them alike. Times are the
interpreter's: `invoke` called through Python, less what an invoke of an empty lookup takes where it
says so.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from tfcompress.codec import pack
from tfcompress.codec.layout import MODES
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.runtime.delegate import delegates_for
from tfcompress.tflite.runtime.delegate_rows import DelegateRows

BATCHES = (1, 32, 512)
ROUNDS = 300
SPREAD = 13.6
"""Standard deviation of the values: 5.8 bits of entropy."""


def lookup_file(table: np.ndarray, mode: str | None) -> bytes:
    """A file of one lookup: a GATHER, or a packed lookup where a mode is given."""
    subgraph = schema.SubGraphT(tensors=[], operators=[], inputs=[], outputs=[], name="main")
    file = TfliteFile(
        schema.ModelT(version=3, operatorCodes=[], subgraphs=[subgraph], buffers=[schema.BufferT()])
    )
    kinds, columns = schema.TensorType, table.shape[1]
    ids = file.add_tensor(subgraph, "ids", [1], kinds.INT32, signature=[-1])
    rows = file.add_tensor(subgraph, "rows", [1, columns], kinds.INT8, signature=[-1, columns])
    if mode is None:
        weights = file.add_constant(subgraph, "table", table)
        made = [file.operator("GATHER", [weights, ids], [rows], schema.GatherOptionsT())]
    else:
        made = DelegateRows(file, "table", pack(table, mode)).rows(subgraph, ids, rows)
    subgraph.operators, subgraph.inputs, subgraph.outputs = made, [ids], [rows]
    return file.to_bytes()


def invoker(content: bytes, ids: np.ndarray) -> Callable[[], None]:
    """What looks up `ids`."""
    interpreter = Interpreter(
        model_content=content, num_threads=1, experimental_delegates=delegates_for(content)
    )
    given = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(given, ids.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given, ids)
    return interpreter.invoke


def time_in_turns(invokes: dict[str, Callable[[], None]], calls: int) -> dict[str, np.ndarray]:
    """Microseconds of a call, a number per round, by name."""
    samples: dict[str, list[float]] = {name: [] for name in invokes}
    for _ in range(ROUNDS):
        for name, invoke in invokes.items():
            invoke()  # its tables come back into the cache
            start = time.perf_counter_ns()
            for _ in range(calls):
                invoke()
            samples[name].append((time.perf_counter_ns() - start) / 1000 / calls)
    return {name: np.array(values) for name, values in samples.items()}


def measure(rows: int, columns: int) -> list[dict[str, float | str]]:
    """One entry per mode: bytes, and microseconds for each batch size."""
    rng = np.random.default_rng(0)
    values = np.clip(np.rint(rng.normal(0, SPREAD, (rows, columns))), -127, 127)
    table = values.astype(np.int8)
    files = {"GATHER": lookup_file(table, None)}
    files |= {mode: lookup_file(table, mode) for mode in MODES}
    entries: dict[str, dict[str, float | str]] = {
        name: {"name": name, "bits_per_value": 8 * len(content) / table.size}
        for name, content in files.items()
    }
    for batch in BATCHES:
        ids = rng.integers(0, rows, batch).astype(np.int32)
        invokes = {name: invoker(content, ids) for name, content in files.items()}
        invokes["nothing"] = invoker(files["raw"], ids[:0])
        times = time_in_turns(invokes, calls=200 if batch == 1 else 20)
        empty = times.pop("nothing")
        for name, samples in times.items():
            entries[name] |= {
                f"us_{batch}": float(np.median(samples)),
                f"us_{batch}_least": float(samples.min()),
                f"us_{batch}_less_empty": float(samples.min() - empty.min()),
            }
    return list(entries.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=64)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    entries = measure(options.rows, options.columns)
    gather = entries[0]
    print(f"{'':11} bits  " + "  ".join(f"{f'{b} ids, us':^27}" for b in BATCHES))
    print(f"{'':17} " + "  ".join(f"{'median':>8} {'least':>8} {'x GATHER':>9}" for _ in BATCHES))
    for entry in entries:
        cells = [f"{entry['name']:11} {entry['bits_per_value']:4.2f} "]
        for batch in BATCHES:
            median, least = entry[f"us_{batch}"], entry[f"us_{batch}_least"]
            times = float(median) / float(gather[f"us_{batch}"])
            cells.append(f"{median:8.2f} {least:8.2f} {times:8.1f}x")
        print("  ".join(cells))
    print("\nmicroseconds a row at 512 ids, least, less an invoke of no ids:")
    for entry in entries:
        print(f"  {entry['name']:11} {float(entry['us_512_less_empty']) / 512:.4f}")
    if options.json:
        options.json.write_text(json.dumps(entries, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
