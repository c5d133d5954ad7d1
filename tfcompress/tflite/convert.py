"""A Keras model to one .tflite: export, quantise the dense part, store the tables, check."""

from collections.abc import Mapping
from typing import Any, get_args

from tfcompress.choices import DenseDtype, TableDtype
from tfcompress.errors import ConfigError
from tfcompress.quantization import Granularity
from tfcompress.rate_distortion import TransformedTable
from tfcompress.tflite.dense import quantize_dense
from tfcompress.tflite.export import exported
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.graph.prune import prune
from tfcompress.tflite.graph.runtime_version import raise_runtime_version
from tfcompress.tflite.packing.options import CODECS, TARGETS, check_options
from tfcompress.tflite.packing.pack import pack
from tfcompress.tflite.runtime.check import check
from tfcompress.tflite.tables.added_vectors import narrow_vectors
from tfcompress.tflite.tables.constants import (
    ModelEmbedding,
    check_transformed,
    in_file,
    name_tables,
    table_buffers,
)
from tfcompress.tflite.tables.embedding_snr import embedding_snr_db
from tfcompress.tflite.tables.fold_rotation import fold_rotations
from tfcompress.tflite.tables.metadata import check_metadata, describe, write_metadata
from tfcompress.tflite.tables.table_dtype import TABLE_DTYPES, store_tables
from tfcompress.tflite.top_k import append_top_k, check_top_k
from tfcompress.tflite.vocabulary import check_vocabulary, vocabulary_file
from tfcompress.validation import check_choice
from tfcompress.vocabulary import Vocabulary

DENSE_DTYPES: tuple[DenseDtype, ...] = get_args(DenseDtype)
GRANULARITIES: tuple[Granularity, ...] = get_args(Granularity)


def convert(
    model: Any,
    *,
    table_dtype: TableDtype = "float32",
    granularity: Granularity = "per_row",
    transformed: Mapping[str, TransformedTable] | None = None,
    codec: str = "none",
    target: str = "builtin",
    dense_dtype: str = "float32",
    top_k: int | None = None,
    metadata: Mapping[str, Any] | None = None,
    vocabulary: Vocabulary | None = None,
) -> bytes:
    """Converts a Keras model; the same model gives the same bytes.

    Args:
        model: keras.Model, built, under the TensorFlow backend. Its embedding layers, ours and
            Keras' own (LoRA weights merged into them), are the tables.
        table_dtype: str. Number type of the tables: "float32", "float16", "int8" or "int4". Rows
            are gathered before they are brought back to float32; see `table_dtype`.
        granularity: str. "per_row" or "per_table": one scale for what, with int8 and int4.
        transformed: mapping str -> TransformedTable, or None. Tables by name ("embedding/table")
            that are stored so, with steps of row classes and a rotation, whatever `table_dtype`
            says of the others. An output matrix that scores are taken against may be among them.
            The file gives what the model gives with these tables, `dequantize`d, in its layers.
        codec: str. "none", or how `pack` packs the tables: "auto", "fixed", "indexed", ...
        target: str. "builtin": the file runs on any stock runtime; "delegate": packed tables need
            the package's delegate.
        dense_dtype: str. "float32", or "int8" for the weights of dense and convolution layers; a
            long vector that is added, such as a bias for every item, then becomes float16. "int4"
            is the same with 4 bits for large dense matrices, such as those that score every item.
        top_k: int or None. K: a model with scores (batch, n) then returns `ids` int32 (batch, K)
            and `scores` float32 (batch, K), best first, without ids 0 and 1.
        metadata: mapping or None. Added to the file's "tfcompress" metadata: "model", "trained_on".
        vocabulary: Vocabulary or None. Put into the file behind the model, for `read_vocabulary`
            and the readers in mobile/.

    Returns:
        bytes. The .tflite file.

    Raises:
        ConfigError: an argument, or its combination with this model, cannot be used.
        ModelError: the model cannot be converted with builtin operators.
    """
    check_choice("table_dtype", table_dtype, TABLE_DTYPES)
    check_choice("granularity", granularity, GRANULARITIES)
    check_choice("dense_dtype", dense_dtype, DENSE_DTYPES)
    check_choice("codec", codec, ("none", *CODECS))
    check_choice("target", target, TARGETS)
    if codec != "none":
        check_options(codec, target)

    transformed = {} if transformed is None else transformed
    if metadata is not None:
        check_metadata(metadata)
    if top_k is not None:
        check_top_k(top_k)

    converted = assemble(
        *exported(model, transformed),
        table_dtype=table_dtype,
        granularity=granularity,
        transformed=transformed,
        dense_dtype=dense_dtype,
        top_k=top_k,
        metadata=metadata,
        vocabulary=vocabulary,
    )
    return converted if codec == "none" else pack(converted, codec=codec, target=target)


def assemble(
    content: bytes,
    embeddings: list[ModelEmbedding],
    *,
    table_dtype: TableDtype = "float32",
    granularity: Granularity = "per_row",
    transformed: Mapping[str, TransformedTable] | None = None,
    dense_dtype: str = "float32",
    top_k: int | None = None,
    metadata: Mapping[str, Any] | None = None,
    vocabulary: Vocabulary | None = None,
) -> bytes:
    """Everything after the export: float32 .tflite and tables in, the finished .tflite out.

    Args:
        content: bytes. From `exported`.
        embeddings: list of ModelEmbedding. The embeddings of the model it was exported from.
            Transformed tables had better be in the model when it is exported, as `convert` sees to:
            the converter multiplies a bias before tied scores through the table it finds.
        table_dtype: str. See `convert`, as for the rest.
        granularity: str.
        transformed: mapping or None.
        dense_dtype: str.
        top_k: int or None.
        metadata: mapping or None.
        vocabulary: Vocabulary or None.
    """
    kind = (metadata or {}).get("model", {}).get("kind")
    if top_k is not None and kind == "text-classifier":
        raise ConfigError(f"top_k: got {top_k}, but a {kind} scores classes; it is for rankers")
    file = read(content)
    # What the converter noted down about itself: of no use to a runtime.
    file.remove_metadata("CONVERSION_METADATA")
    constants = name_tables(file, embeddings)
    given = dict(transformed or {})
    check_transformed(given, {name: entry.table.value.shape for name, entry in constants.items()})
    for name in list(given):
        if (first := constants[name].table.name) in given and first != name:
            del given[name]  # Coded tables of equal values are one constant.
        elif first != name:
            raise ConfigError(
                f"transformed: {name!r} holds the same values as {first!r} and is stored once with "
                "it; give that name"
            )
    embeddings = in_file(file, embeddings, constants, given)
    used = {table.name for embedding in embeddings for table in embedding.tables}
    constants = {name: constant for name, constant in constants.items() if name in used}
    folded = fold_rotations(file, constants, given)
    dense_operators: dict[str, int] = {}
    if dense_dtype != "float32":
        # A factor that is multiplied (P of low rank) is dense, unless it is coded as a table.
        coded = table_buffers(file, {name: constants[name] for name in given})
        num_bits = 4 if dense_dtype == "int4" else 8
        file, dense_operators = quantize_dense(file, coded, num_bits=num_bits)
    stored = store_tables(
        file, constants, table_dtype, granularity, transformed=given, folded=folded
    )
    if dense_dtype != "float32":
        narrow_vectors(file, "int8" if dense_dtype == "int4" else "float16")
    if top_k is not None:
        append_top_k(file, top_k)

    snr_db = {entry.name: embedding_snr_db(entry, stored) for entry in embeddings}
    entry: dict[str, Any] = dict(metadata or {})
    if top_k is not None:
        entry["model"] = {**entry.get("model", {}), "output": "top_k", "top_k": int(top_k)}
    if vocabulary is not None:
        dims = [int(embedding.layer.input_dim) for embedding in embeddings]
        check_vocabulary(vocabulary, dims, entry.get("trained_on", {}))
        file.associated.append(vocabulary_file(vocabulary))
    entry |= describe(embeddings, stored, snr_db)
    entry |= {"dense_dtype": dense_dtype, "dense_operators": dense_operators}
    write_metadata(file, entry)
    raise_runtime_version(file)
    prune(file)
    converted = file.to_bytes()
    check(converted)
    return converted
