"""Files of nothing but packed lookups, and how they are called."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.codec.tables import MODES, gaussian, offered
from tfcompress.codec import pack
from tfcompress.codec.layout import DTYPES
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.runtime.delegate_rows import DelegateRows

Type = schema.TensorType
ROWS, COLUMNS = 300, 18
OFFERED = [(mode, dtype) for mode in MODES for dtype in DTYPES if offered(mode, dtype)]


def matrix(dtype):
    """Rows of a dtype, and the type of the tensor that holds them; int4 two values a byte."""
    floats = np.random.default_rng(1).normal(0, 0.1, (ROWS, COLUMNS)).astype(np.float32)
    nibbles = np.random.default_rng(2).binomial(15, 0.5, (ROWS, COLUMNS // 2, 2))
    return {
        "int8": (gaussian(ROWS, COLUMNS), Type.INT8),
        "uint8": (gaussian(ROWS, COLUMNS).view(np.uint8) ^ np.uint8(128), Type.UINT8),
        "int4": ((nibbles[..., 0] | nibbles[..., 1] << 4).astype(np.uint8), Type.INT4),
        "float16": (floats.astype(np.float16), Type.FLOAT16),
        "float32": (floats, Type.FLOAT32),
    }[dtype]


def packed_matrix(mode, dtype):
    """The rows of `matrix`, and a file that looks them up packed."""
    rows, kind = matrix(dtype)
    packed = pack(rows, mode, dtype="int4" if dtype == "int4" else None)
    return rows, lookup_file(packed, kind)


def values(rows, dtype):
    """What the interpreter gives for such rows: int4 comes unpacked."""
    if dtype != "int4":
        return rows
    both = np.stack([rows & 15, rows >> 4], axis=-1, dtype=np.int16, casting="unsafe").reshape(
        len(rows), COLUMNS
    )
    return (both - 16 * (both > 7)).astype(np.int8)


def lookup_file(packed, kind, *, ids=(-1,), row=(COLUMNS,), ids_kind=Type.INT32, blobs=None):
    """A file whose only operators are packed lookups; `blobs` overwrites the packed bytes."""
    subgraph = schema.SubGraphT(tensors=[], operators=[], inputs=[], outputs=[], name="main")
    model = schema.ModelT(
        version=3, operatorCodes=[], subgraphs=[subgraph], buffers=[schema.BufferT()]
    )
    file = TfliteFile(model)
    table = DelegateRows(file, "items", packed)
    if blobs is not None:
        model.buffers[-1].data = np.frombuffer(blobs, np.uint8)
    positive = [max(1, size) for size in ids]
    inputs = file.add_tensor(subgraph, "ids", positive, ids_kind, signature=ids)
    outputs = file.add_tensor(subgraph, "rows", [*positive, *row], kind, signature=[*ids, *row])
    subgraph.operators = table.rows(subgraph, inputs, outputs)
    subgraph.inputs, subgraph.outputs = [inputs], [outputs]
    return file


def again(file, ids, table, output):
    """A second operator on the same tensors as the first."""
    first = file.subgraphs[0].operators[0]
    return [
        schema.OperatorT(
            opcodeIndex=first.opcodeIndex,
            inputs=[ids, table],
            outputs=[output],
            customOptions=first.customOptions,
        )
    ]


def look_up(interpreter, ids):
    details = interpreter.get_input_details()[0]
    interpreter.resize_tensor_input(details["index"], ids.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(details["index"], ids.astype(details["dtype"]))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
