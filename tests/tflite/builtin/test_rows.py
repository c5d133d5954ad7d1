"""Packed by `--target builtin` and run: the same bytes as the plain lookup gives."""

import numpy as np
import pytest

from tests.tflite.lookup_models import COLUMNS, ROWS, lookup_model, table
from tfcompress.errors import ConfigError
from tfcompress.tflite import inspect_model
from tfcompress.tflite.graph.fields import text
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.packing.pack import pack_model
from tfcompress.tflite.packing.unpack import unpack

LARGER = 4000
CODECS, DECODERS = ("fixed", "indexed"), ("few-ids", "many-ids")
BATCHES = (0, 1, 7, 512)
SCALES = np.random.default_rng(3).uniform(0.01, 2, ROWS).astype(np.float32)
COARSE = np.rint(np.random.default_rng(4).laplace(0, 0.4, (ROWS, 19))).astype(np.int8)

LONG_WORDS = np.minimum(np.random.default_rng(5).geometric(0.25, (ROWS, 40)), 60).astype(np.int8)
LONG_WORDS[:60, 0] = np.arange(60)

MODELS = {
    "int8": lambda: lookup_model(table("int8")),
    "uint8": lambda: lookup_model(table("uint8")),
    "int4": lambda: lookup_model(table("int4"), int4=True),
    "float16": lambda: lookup_model(table("float16")),
    "float32": lambda: lookup_model(table("float32")),
    "ids of two dimensions": lambda: lookup_model(table("int8"), rank=2),
    "one id": lambda: lookup_model(table("int8"), rank=0),
    "rows of two dimensions": lambda: lookup_model(table("int8").reshape(ROWS, 2, 8), rank=2),
    "EMBEDDING_LOOKUP": lambda: lookup_model(table("float32"), operator="EMBEDDING_LOOKUP"),
    "scaled int8": lambda: lookup_model(table("int8"), operator="EMBEDDING_LOOKUP", scale=SCALES),
    "scaled int4": lambda: lookup_model(
        table("int4"),
        operator="EMBEDDING_LOOKUP",
        int4=True,
        scale=np.random.default_rng(5).uniform(0.01, 2, ROWS).astype(np.float32),
    ),
    "one scale": lambda: lookup_model(table("int8"), operator="EMBEDDING_LOOKUP", scale=SCALES[:1]),
    "several values a word": lambda: lookup_model(COARSE),
    "words of many lengths": lambda: lookup_model(LONG_WORDS),
    "rows of one value": lambda: lookup_model(table("int8")[:, 0].copy(), rank=2),
    "one value": lambda: lookup_model(np.full((ROWS, COLUMNS), -3, np.int8)),
    "rows of an odd number of bytes": lambda: lookup_model(table("int8", ROWS, 15)),
}


def ids_of(shape: tuple[int, ...], rows: int) -> np.ndarray:
    ids = np.random.default_rng(sum(shape)).integers(0, rows, shape).astype(np.int32)
    if ids.size:
        ids.flat[0], ids.flat[-1] = 0, rows - 1
    return ids


def shapes_of(content: bytes) -> list[tuple[int, ...]]:
    file = read(content)
    rank = len(file.subgraphs[0].tensors[file.subgraphs[0].inputs[0]].shape)
    return [()] if rank == 0 else [(batch, 3)[:rank] for batch in BATCHES]


def rows_of(content: bytes) -> int:
    return int(read(content).subgraphs[0].tensors[0].shape[0])


DTYPES = ("int8", "uint8", "int4", "float16", "float32")
# Every mode and decoder with every dtype; the other models with each of them once.
ALL = [(name, codec, d) for name in DTYPES for codec in CODECS for d in DECODERS]
ALL += [
    (name, *pair)
    for name in MODELS
    if name not in DTYPES
    for pair in zip(CODECS, DECODERS, strict=True)
]


@pytest.mark.parametrize(("name", "codec", "decoder"), ALL)
def test_the_same_rows(name, codec, decoder, run, pack_whatever_it_costs):
    plain = MODELS[name]()
    packing = pack_model(plain, codec=codec, decoder=decoder)
    assert packing.packed[0].codec == codec
    assert packing.packed[0].decoder == decoder
    back = unpack(packing.content)
    for shape in shapes_of(plain):
        ids = ids_of(shape, rows_of(plain))
        expected = run(plain, ids)[0]
        for content in (packing.content, back):
            found = run(content, ids)[0]
            assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
            assert found.tobytes() == expected.tobytes()


def test_rare_values_have_long_words_and_few_ids_a_compact_look_up(run):
    plain = lookup_model(np.repeat(LONG_WORDS, 20, axis=0))
    few, many = (pack_model(plain, codec="indexed", decoder=decoder) for decoder in DECODERS)
    assert "MAXIMUM" in inspect_model(few.content).operators
    assert "MAXIMUM" not in inspect_model(many.content).operators
    assert few.packed[0].packed_bytes < many.packed[0].packed_bytes
    ids = np.arange(20 * ROWS, dtype=np.int32)
    assert np.array_equal(run(few.content, ids)[0], run(plain, ids)[0])


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("codec", CODECS)
def test_few_ids_of_a_large_table_have_lengths_that_need_no_cast(
    codec, decoder, run, pack_whatever_it_costs
):
    coarse = np.tile(COARSE > 0, (600, 1)).astype(np.int8)
    lengths = []
    for rows in (coarse[:ROWS], coarse):
        plain = lookup_model(rows)
        content = pack_model(plain, codec=codec, decoder=decoder).content
        file = read(content)
        lengths += [
            file.array(tensor).dtype
            for tensor in file.subgraphs[0].tensors
            if text(tensor.name).endswith("/lengths")
        ]
        ids = np.arange(len(rows), dtype=np.int32)
        for found in (content, unpack(content)):
            assert np.array_equal(run(found, ids)[0], run(plain, ids)[0])
    assert lengths == [np.uint8, np.int32 if decoder == "few-ids" else np.uint8]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("wrong", [-1, LARGER, LARGER + 20, 2**31 - 1, -(2**31)])
def test_an_id_out_of_range_is_refused(codec, wrong, packed_int8, run):
    content = packed_int8[codec]
    with pytest.raises(RuntimeError, match="out of bounds"):
        run(content, np.array([5, wrong], np.int32))


@pytest.fixture(scope="module")
def packed_int8():
    plain = lookup_model(table("int8", LARGER))
    return {codec: pack_model(plain, codec=codec).content for codec in ("fixed", "indexed")}


@pytest.mark.parametrize("codec", CODECS)
def test_damaged_constants_are_an_error_or_other_rows(codec, packed_int8, run):
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(8):
        file = read(packed_int8[codec])
        for buffer in file.model.buffers:
            if buffer.data is not None and len(buffer.data) > 60:
                data = np.array(buffer.data)
                places = rng.integers(0, len(data), 50)
                data[places] = rng.integers(0, 256, 50)
                buffer.data = data
        try:
            run(file.to_bytes(), np.arange(LARGER, dtype=np.int32))
        except RuntimeError:
            refused += 1
    assert refused  # a crash would end the test


def test_the_shape_of_the_ids_chooses_the_decoder():
    for shape, expected in (([1], "few-ids"), ([1, 9], "few-ids"), ([1, 10], "many-ids")):
        content = with_ids(lookup_model(table("int8", 4000), rank=len(shape)), shape)
        assert pack_model(content).packed[0].decoder == expected


def with_ids(content: bytes, shape: list[int]) -> bytes:
    file = read(content)
    file.subgraphs[0].tensors[file.subgraphs[0].inputs[0]].shape = shape
    return file.to_bytes()


def test_very_wide_rows_are_left_for_the_delegate():
    wide = np.random.default_rng(0).integers(-60, 60, (200, 2100)).astype(np.int8)
    (left,) = pack_model(lookup_model(wide), codec="indexed").left
    assert left.reason == "rows of 2,100 values take too many operators: use the delegate"


def test_a_row_of_many_words_falls_back_to_the_shape_for_few_ids():
    wide = np.random.default_rng(0).integers(-60, 60, (3000, 400)).astype(np.int8)
    content = with_ids(lookup_model(wide, rank=2), [1, 50])
    assert pack_model(content, codec="indexed").packed[0].decoder == "few-ids"


@pytest.mark.parametrize("codec", ["context", "predictive", "rate", "raw"])
def test_modes_for_the_delegate_are_refused(codec):
    with pytest.raises(ConfigError, match=rf"codec: '{codec}' needs target 'delegate'; .* fixed"):
        pack_model(b"", codec=codec)
