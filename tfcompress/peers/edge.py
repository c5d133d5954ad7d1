"""ai-edge-quantizer on the lookups of a model: the strongest thing its users have today.

The quantiser leaves a GATHER alone, which is what Keras' tables become, so a lookup first becomes

    RESHAPE(ids, [-1]) -> EMBEDDING_LOOKUP -> RESHAPE(rows, SHAPE(ids) + [D])

whose kernel takes one vector of ids and multiplies integers by the scales of their rows. Its
`weight_only` recipes would dequantise the whole table in every run; these are its dynamic ones.
"""

import re
from collections.abc import Iterator
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from tfcompress.errors import ConfigError
from tfcompress.tflite.dense import is_large
from tfcompress.tflite.graph.fields import text
from tfcompress.tflite.graph.flatbuffer import TfliteFile, read
from tfcompress.tflite.graph.operator_chain import ChainConstants, OperatorChain
from tfcompress.tflite.graph.prune import prune
from tfcompress.tflite.graph.readers import is_row_lookup, looked_up_buffers
from tfcompress.tflite.graph.runtime_version import raise_runtime_version

_BLOCK = 32


def quantize(content: bytes, num_bits: int, *, blocks: bool = False, whole: bool = False) -> bytes:
    """Quantises the tables of a file, or all of its weights.

    Args:
        content: bytes. A float32 .tflite.
        num_bits: int. 8, 4 or 2 bits a value.
        blocks: bool. Whether every 32 values of a row have a scale of their own; a row has one
            otherwise.
        whole: bool. Whether matrices that are multiplied by are quantised, too: large ones, such as
            those that scores are taken against, like the tables, and others as int8.

    Raises:
        ConfigError: it has no table, or one whose rows are not whole blocks, or not whole bytes,
            which the operator reads wrongly.
    """
    from ai_edge_quantizer import qtyping, quantizer

    lookups = embedding_lookups(content, _BLOCK if blocks else 8 // num_bits)
    recipe = quantizer.Quantizer(lookups)
    granularity = qtyping.QuantGranularity
    how = {
        "num_bits": num_bits,
        "granularity": granularity.BLOCKWISE_32 if blocks else granularity.CHANNELWISE,
    }
    names = qtyping.TFLOperationName
    recipe.add_dynamic_config(".*", names.EMBEDDING_LOOKUP, **how)
    if whole:
        recipe.add_dynamic_config(".*", names.FULLY_CONNECTED, num_bits=8)
    for scope in _products(read(lookups), large=whole):
        # Tied ones alike in any case, or the quantiser would make a second table for them.
        recipe.add_dynamic_config(f"^{re.escape(scope)}$", names.FULLY_CONNECTED, **how)
    done = recipe.quantize(enable_progress_bar=False, enable_progress_report=False)
    return bytes(done.quantized_model)


def _products(file: TfliteFile, *, large: bool) -> Iterator[str]:
    """What the quantiser calls the operators that multiply by a table.

    Args:
        file: TfliteFile.
        large: bool. Whether other matrices that are large are meant, too.
    """
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils

    tables = looked_up_buffers(file)
    for subgraph in file.subgraphs:
        for operator in subgraph.operators:
            if file.operator_name(operator) != "FULLY_CONNECTED":
                continue
            matrix = subgraph.tensors[operator.inputs[1]]
            if matrix.buffer in tables or (large and is_large(matrix)):
                yield tfl_flatbuffer_utils.get_op_scope(operator, subgraph.tensors)


def embedding_lookups(content: bytes, block: int = 1) -> bytes:
    """The file with an EMBEDDING_LOOKUP in the place of every GATHER of rows of a float32 table.

    Args:
        content: bytes. A .tflite.
        block: int. What the width of a row must be a multiple of.

    Raises:
        ConfigError: it has no table, or one of another width.
    """
    file = read(content)
    constants = ChainConstants(file)
    found = 0
    for subgraph in file.subgraphs:
        operators: list[Any] = []
        for operator in subgraph.operators:
            if _looks_up_matrix(file, subgraph, operator):
                operators += _flat_lookup(constants, subgraph, operator, block)
                found += 1
            else:
                operators.append(operator)
        subgraph.operators = operators
    if not found:
        raise ConfigError("the model looks up no rows of a float32 matrix; nothing to quantise")
    prune(file)
    raise_runtime_version(file)
    return file.to_bytes()


def _looks_up_matrix(file: TfliteFile, subgraph: Any, operator: Any) -> bool:
    if not is_row_lookup(file.operator_name(operator), operator, 0):
        return False
    table = subgraph.tensors[operator.inputs[0]]
    # A single column is a vector of scales or the like.
    is_matrix = len(table.shape) == 2 and table.shape[1] > 1
    return is_matrix and table.type == schema.TensorType.FLOAT32 and file.data(table) is not None


def _flat_lookup(constants: ChainConstants, subgraph: Any, gather: Any, block: int) -> list[Any]:
    file, (table, ids), (output,) = constants.file, gather.inputs, gather.outputs
    columns = int(subgraph.tensors[table].shape[1])
    if columns % block:
        name = text(subgraph.tensors[table].name)
        raise ConfigError(
            f"{name} has {columns} columns; this number type needs a multiple of {block}"
        )
    chain = OperatorChain(constants, subgraph)
    flat_ids = chain.reshape(ids, [-1])
    rows = file.add_tensor(
        subgraph, "", [1, columns], schema.TensorType.FLOAT32, signature=[-1, columns]
    )
    chain.operators.append(file.operator("EMBEDDING_LOOKUP", [flat_ids, table], [rows]))
    shape = chain.concatenate([chain.shape(ids), chain.constant([columns])])
    chain.reshape_like(rows, shape, output)
    return chain.operators
