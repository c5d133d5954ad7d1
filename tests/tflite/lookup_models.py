"""Models of one lookup each, built without a converter, and tables that pack well."""

from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfcompress.tflite.graph.flatbuffer import KIND_OF_DTYPE, TfliteFile
from tfcompress.tflite.packing.pack import pack
from tfcompress.tflite.tables.integer_rows import pack_int4

ROWS, COLUMNS = 300, 16
LARGE = 4000
"""Rows of a table that gets smaller when it is packed."""
Type = schema.TensorType


def table(dtype: str, rows: int = ROWS, columns: int = COLUMNS, seed: int = 0) -> np.ndarray:
    """A table of Laplacian values; float16 as its bits in int16, int4 as two values a byte."""
    rng = np.random.default_rng(seed)
    values = np.rint(rng.laplace(0, 1.5, (rows, columns)))
    if dtype in ("float32", "float16"):
        floats = rng.standard_normal((rows, columns)) * rng.uniform(0.1, 1, (rows, 1))
        made = floats.astype(dtype)
        return made.view(np.int16) if dtype == "float16" else made
    if dtype == "int4":
        return pack_int4(np.clip(values, -8, 7).astype(np.int8))
    if dtype == "uint8":
        return np.clip(values + 128, 0, 255).astype(np.uint8)
    return np.clip(values, -128, 127).astype(np.int8)


def empty_file() -> TfliteFile:
    subgraph = schema.SubGraphT(tensors=[], operators=[], inputs=[], outputs=[], name="main")
    model = schema.ModelT(
        version=3, operatorCodes=[], subgraphs=[subgraph], buffers=[schema.BufferT()]
    )
    return TfliteFile(model)


def add_lookup(
    file: TfliteFile,
    buffer: int,
    shape: Sequence[int],
    kind: int,
    *,
    subgraph: int = 0,
    operator: str = "GATHER",
    rank: int = 1,
    scale: np.ndarray | None = None,
) -> int:
    """Adds ids, the table and the rows to a subgraph; returns the tensor of the rows.

    int4 rows end in a CAST to float32, because no runtime hands int4 out.
    """
    graph = file.subgraphs[subgraph]
    made = file.add_tensor(graph, "table", shape, kind, buffer=buffer)
    if scale is not None:
        graph.tensors[made].quantization = schema.QuantizationParametersT(
            scale=scale.tolist(), zeroPoint=[0] * len(scale)
        )
    tail = list(shape[1:])
    ids = file.add_tensor(graph, "ids", [1] * rank, Type.INT32, signature=[-1] * rank)
    scaled = scale is not None and operator == "EMBEDDING_LOOKUP"
    rows = file.add_tensor(
        graph,
        "rows",
        [1] * rank + tail,
        Type.FLOAT32 if scaled else kind,
        signature=[-1] * rank + tail,
    )
    if operator == "GATHER":
        options = schema.GatherOptionsT()
        graph.operators.append(file.operator("GATHER", [made, ids], [rows], options, version=7))
    else:
        graph.operators.append(file.operator(operator, [ids, made], [rows], version=4))
    output = rows
    if kind == Type.INT4 and not scaled:
        output = file.add_like(graph, "floats", rows, Type.FLOAT32)
        graph.operators.append(file.operator("CAST", [rows], [output], version=6))
    graph.inputs.append(ids)
    graph.outputs.append(output)
    return rows


def lookup_model(
    content: np.ndarray,
    *,
    operator: str = "GATHER",
    rank: int = 1,
    scale: np.ndarray | None = None,
    int4: bool = False,
) -> bytes:
    """A model of ids -> rows."""
    file = empty_file()
    shape = [len(content), 2 * content.shape[1]] if int4 else content.shape
    kind = Type.INT4 if int4 else KIND_OF_DTYPE[content.dtype.name]
    buffer = file.add_buffer(content)
    add_lookup(file, buffer, shape, kind, operator=operator, rank=rank, scale=scale)
    return file.to_bytes()


def packed_by(content: bytes, target: str) -> bytes:
    """Packed in the mode that is found fastest and that both targets have."""
    return pack(content, codec="indexed", target=target)
