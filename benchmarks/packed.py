"""Packed tables inside a .tflite beside the same tables unpacked: bytes, latency, memory.

    python benchmarks/packed.py [--rows 100000] [--memory-rows 1000000] [--only GROUP]
        [--target delegate|builtin] [--json FILE]

Every file gives the same rows, bit for bit (checked). One thread; files of a group take turns in
one process (`tfcompress.measure.latency`), every invocation draws new ids, uniformly where nothing
else is said.

- lookup: ids -> int8 rows, D = 64, values of 5.8 bits of entropy, and a coarse table of 1.7 bits
- popular-lookup: the same, id r drawn in proportion to 1 / (r + 1), as ids by popularity are (Zipf)
- model: a history of 50 ids, mean, two dense layers of 64, no scores of all items, batch 1; the
  table with one scale; padded: the same, 12 random ids behind 38 times the padding id;
  row-scales: with a scale a row, which is what `convert` does unasked
- popular: the same model, a new history of popular ids each time; user: one user's history, which
  moves on by one popular id from call to call
- quantizer: the int8 model ai-edge-quantizer makes of the table, packed
- memory: a table of a million rows in a process of its own, after every row was read once
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

COLUMNS = 64
HISTORY = 50
PADDING = 38
RUNS = 400
BATCHES = (1, 32, 512)
GROUPS = (
    *("lookup", "popular-lookup", "coarse"),
    *("model", "padded", "popular", "user", "row-scales"),
    "quantizer",
)
MODELS = ("model", "padded", "popular", "user", "row-scales")
VARIANTS = {
    "delegate, raw": {"codec": "raw", "target": "delegate"},
    "delegate, fixed": {"codec": "fixed", "target": "delegate"},
    "delegate, indexed": {"codec": "indexed", "target": "delegate"},
    "delegate, context": {"codec": "context", "target": "delegate"},
    "delegate, rate": {"codec": "rate", "target": "delegate"},
    "delegate, predictive": {"codec": "predictive", "target": "delegate"},
    "builtin, fixed, few ids": {"codec": "fixed", "decoder": "few-ids"},
    "builtin, fixed, many ids": {"codec": "fixed", "decoder": "many-ids"},
    "builtin, indexed, few ids": {"codec": "indexed", "decoder": "few-ids"},
    "builtin, indexed, many ids": {"codec": "indexed", "decoder": "many-ids"},
}


def integers(rows: int, scale: float) -> np.ndarray:
    """An int8 table of Laplacian values."""
    drawn = np.random.default_rng(0).laplace(0, scale, (rows, COLUMNS))
    return np.clip(np.rint(drawn), -127, 127).astype(np.int8)


def lookup_model(table: np.ndarray) -> bytes:
    """A file of one GATHER: ids -> rows."""
    from ai_edge_litert import schema_py_generated as schema

    from tfcompress.tflite.graph.flatbuffer import TfliteFile

    graph = schema.SubGraphT(tensors=[], operators=[], inputs=[], outputs=[], name="main")
    file = TfliteFile(
        schema.ModelT(version=3, operatorCodes=[], subgraphs=[graph], buffers=[schema.BufferT()])
    )
    kind = schema.TensorType
    weights = file.add_constant(graph, "table", table)
    ids = file.add_tensor(graph, "ids", [1], kind.INT32, signature=[-1])
    rows = file.add_tensor(graph, "rows", [1, COLUMNS], kind.INT8, signature=[-1, COLUMNS])
    gather = schema.GatherOptionsT()
    graph.operators = [file.operator("GATHER", [weights, ids], [rows], gather, version=2)]
    graph.inputs, graph.outputs = [ids], [rows]
    return file.to_bytes()


def tower_model(table: np.ndarray, granularity: str) -> bytes:
    """History of ids -> mean of the rows -> two dense layers, the table as int8."""
    import keras

    from tfcompress.layers import FullEmbedding
    from tfcompress.tflite import convert

    ids = keras.Input((HISTORY,), dtype="int32", name="ids")
    embedding = FullEmbedding(*table.shape, name="items")
    hidden = keras.layers.GlobalAveragePooling1D()(embedding(ids))
    for _ in range(2):
        hidden = keras.layers.Dense(64, activation="relu")(hidden)
    model = keras.Model(ids, hidden)
    embedding.embeddings.assign(table.astype(np.float32) * 0.01)
    return convert(model, table_dtype="int8", granularity=granularity)


def quantizer_model(table: np.ndarray) -> bytes:
    """The table as ai-edge-quantizer stores it: int8, a scale a row, EMBEDDING_LOOKUP."""
    from ai_edge_quantizer import quantizer, recipe

    from tfcompress.tflite.graph.flatbuffer import read
    from tfcompress.tflite.graph.prune import prune

    file = read(lookup_model(table))
    graph = file.subgraphs[0]
    floats = table.astype(np.float32) * np.random.default_rng(1).uniform(0.01, 1, (len(table), 1))
    weights = file.add_constant(graph, "floats", floats.astype(np.float32))
    rows = file.add_like(graph, "float_rows", graph.outputs[0], graph.tensors[weights].type)
    lookup = file.operator("EMBEDDING_LOOKUP", [graph.inputs[0], weights], [rows])
    graph.operators, graph.outputs = [lookup], [rows]
    prune(file)
    made = quantizer.Quantizer(file.to_bytes(), recipe.dynamic_wi8_afp32())
    result = made.quantize(enable_progress_bar=False, enable_progress_report=False)
    return bytes(result.quantized_model)


def packed_variants(plain: bytes, variants: dict[str, Any] = VARIANTS) -> dict[str, bytes]:
    from tfcompress.tflite import pack

    return {"unpacked": plain} | {name: pack(plain, **how) for name, how in variants.items()}


def packed_nbytes(content: bytes) -> int | None:
    """Bytes of the packed table itself, where the file holds one as the codec writes it."""
    from tfcompress.tflite import inspect_model

    (table, *_) = inspect_model(content).tables
    return table.stored_bytes


def check_same(files: dict[str, bytes], ids: np.ndarray) -> None:
    """Raises `SystemExit` unless all files give the same bytes for these ids."""
    from ai_edge_litert.interpreter import Interpreter

    from tfcompress.tflite.runtime.delegate import delegates_for

    expected = b""
    for name, content in files.items():
        interpreter = Interpreter(
            model_content=content, experimental_delegates=delegates_for(content)
        )
        given = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(given, ids.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given, ids)
        interpreter.invoke()
        found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).tobytes()
        expected = expected or found
        if found != expected:
            raise SystemExit(f"{name}: other rows than the unpacked file")


class Ids:
    """Draws what a model's input draws, ids (batch, ...) of a kind: "padded", "popular", "user"."""

    def __init__(self, drawn: Any, kind: str) -> None:
        self._drawn = drawn
        self._kind = kind
        self._popularity = np.cumsum(1 / np.arange(1, drawn.limit + 1))
        self._history: np.ndarray | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._drawn, name)

    def draw(self, rng: np.random.Generator, batch: int) -> np.ndarray:
        """New ids, or the same but for the oldest of each history."""
        shape = self._drawn.batch_shape(batch)
        if self._kind == "padded":
            ids = self._drawn.draw(rng, batch)
            ids[:, :PADDING] = 0
            return np.asarray(ids)
        if self._kind == "popular" or self._history is None:
            self._history = self._popular(rng, shape)
        else:
            newest = self._popular(rng, (batch, 1))
            self._history = np.concatenate([self._history[:, 1:], newest], axis=1)
        return self._history

    def _popular(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        drawn = rng.random(shape) * self._popularity[-1]
        return np.searchsorted(self._popularity, drawn).astype(self._drawn.dtype)


def measured(
    files: dict[str, bytes],
    folder: Path,
    batches: tuple[int, ...] = BATCHES,
    *,
    kind: str | None = None,
) -> list[dict[str, Any]]:
    """Bytes and latency (median us by batch size) of files that take turns, `Ids` of a kind."""
    from tfcompress.measure.inputs import find_inputs
    from tfcompress.measure.latency import Runner, measure_latency
    from tfcompress.tflite import inspect_model, open_model

    runners = []
    for number, content in enumerate(files.values()):
        path = folder / f"{number}.tflite"
        path.write_bytes(content)
        interpreter = open_model(path)
        inputs = find_inputs(interpreter, inspect_model(content))
        runners.append(Runner(interpreter, [Ids(i, kind) for i in inputs] if kind else inputs))
    timings = measure_latency(runners, batch_sizes=batches, runs=RUNS)
    return [
        {
            "file": name,
            "file_bytes": len(content),
            "table_bytes": packed_nbytes(content),
            "latency_us": {str(batch): timing.latency[batch].p50 for batch in batches},
        }
        for (name, content), timing in zip(files.items(), timings, strict=True)
    ]


def memory(rows: int, folder: Path) -> list[dict[str, Any]]:
    """What a lookup of a large table takes after every row was read once, 512 at a time."""
    from tfcompress.measure.inputs import ModelInput
    from tfcompress.measure.memory import measure_memory

    plain = lookup_model(integers(rows, 10))
    results = []
    variants = {
        name: VARIANTS[name] for name in ("delegate, indexed", "builtin, indexed, many ids")
    }
    for name, content in packed_variants(plain, variants).items():
        path = folder / "memory.tflite"
        path.write_bytes(content)
        ids = ModelInput(_input_index(path), (512,), "int32", rows)
        found, note = measure_memory(path, [ids])
        results.append({"file": name, "file_bytes": len(content), "note": note, **vars(found)})
    return results


def _input_index(path: Path) -> int:
    from tfcompress.tflite import open_model

    return int(open_model(path).get_input_details()[0]["index"])


def show(title: str, results: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    printed = Table(title=title, title_justify="left")
    batches = list(results[0].get("latency_us", {}))
    memory_keys = [
        key for key in results[0] if key in ("after_load", "peak_anonymous", "peak_file")
    ]
    headings = ["file", "file bytes", *(f"us at {batch}" for batch in batches), *memory_keys]
    for heading in headings:
        printed.add_column(heading, justify="left" if heading == "file" else "right")
    for result in results:
        printed.add_row(
            result["file"],
            f"{result['file_bytes']:,}",
            *(f"{result['latency_us'][batch]:.2f}" for batch in batches),
            *(f"{(result[key] or 0) / 1e6:.1f} MB" for key in memory_keys),
        )
    Console(width=110).print(printed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--memory-rows", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=(*GROUPS, "memory"))
    parser.add_argument("--target", choices=("delegate", "builtin"), default="")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    ids = np.random.default_rng(2).integers(0, arguments.rows, 512).astype(np.int32)
    rows = arguments.rows
    variants = {name: how for name, how in VARIANTS.items() if name.startswith(arguments.target)}

    def lookups(scale: float = 10) -> dict[str, bytes]:
        return packed_variants(lookup_model(integers(rows, scale)), variants)

    def towers(granularity: str = "per_table") -> dict[str, bytes]:
        return packed_variants(tower_model(integers(rows, 10), granularity), variants)

    groups: dict[str, tuple[Callable[[], dict[str, bytes]], str | None]] = {
        "lookup": (lookups, None),
        "popular-lookup": (lookups, "popular"),
        "coarse": (lambda: lookups(0.6), None),
        "model": (towers, None),
        "padded": (towers, "padded"),
        "popular": (towers, "popular"),
        "user": (towers, "user"),
        "row-scales": (lambda: towers("per_row"), None),
        "quantizer": (
            lambda: packed_variants(
                quantizer_model(integers(rows, 10)),
                {"packed, delegate": {"target": "delegate"}, "packed, builtin": {}},
            ),
            None,
        ),
    }
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (build, kind) in groups.items():
            if arguments.only not in (None, name):
                continue
            files = build()
            is_model = name in MODELS
            check_same(files, ids[:HISTORY].reshape(1, HISTORY) if is_model else ids)
            batches = (1,) if is_model else BATCHES
            results[name] = measured(files, Path(folder), batches, kind=kind)
            show(f"{name}, {rows:,} rows", results[name])
        if arguments.only in (None, "memory"):
            results["memory"] = memory(arguments.memory_rows, Path(folder))
            show(f"memory, {arguments.memory_rows:,} rows", results["memory"])
    if arguments.json:
        from tfcompress.files import write_file

        write_file(arguments.json, json.dumps(results, indent=1).encode())


if __name__ == "__main__":
    main()
