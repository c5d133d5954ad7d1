"""What others make of the same integers: zstd by row and as a whole, constriction's coders."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

DICTIONARY_BYTES = 112_640
TABLE_PER_DICTIONARY = 32
TRAINING_ROWS = 20_000
TIMED_ROWS = 2_000


@dataclass(frozen=True)
class Peer:
    """A peer's result; `decode_us` is for one row, None where no row can be had alone."""

    name: str
    saved: float
    encode_s: float
    decode_us: float | None


def index_bytes(num_rows: int) -> int:
    """What finding a row costs: a base for 64 rows, and a length for each."""
    return num_rows + 8 * -(-num_rows // 64)


def peers(table: np.ndarray) -> Iterator[Peer]:
    """Every peer on an int8 table `(n, D)`."""
    yield zstd_rows(table)
    yield zstd_whole(table)
    yield from constriction_ans(table)


def zstd_rows(table: np.ndarray) -> Peer:
    """Each row a frame of its own at level 19, with one dictionary trained on rows of the table.

    Frames carry no checksum, content size or dictionary number. One byte a row and 8 bytes per 64
    rows pay for an index, as in mode `indexed`.
    """
    import zstandard

    rows = [row.tobytes() for row in table]
    # The dictionary is counted: in a small table a large one costs more than it saves.
    dictionary_bytes = min(DICTIONARY_BYTES, table.nbytes // TABLE_PER_DICTIONARY)
    step = max(1, len(rows) // TRAINING_ROWS)
    start = time.perf_counter()
    try:
        content = zstandard.train_dictionary(dictionary_bytes, rows[::step]).as_bytes()
    except zstandard.ZstdError:
        content = b"".join(rows[: dictionary_bytes // max(1, table.shape[1])])
    dictionary = zstandard.ZstdCompressionDict(content)
    packer = zstandard.ZstdCompressor(
        dict_data=dictionary,
        compression_params=zstandard.ZstdCompressionParameters.from_level(
            19, write_checksum=False, write_content_size=False, write_dict_id=False
        ),
    )
    packed = [packer.compress(row) for row in rows]
    encode_s = time.perf_counter() - start
    size = sum(map(len, packed)) + index_bytes(len(rows)) + len(content)
    unpacker = zstandard.ZstdDecompressor(dict_data=dictionary)
    ids = np.random.default_rng(0).integers(0, len(rows), TIMED_ROWS)
    start = time.perf_counter()
    decoded = [unpacker.decompress(packed[i], max_output_size=table.shape[1]) for i in ids]
    decode_us = 1e6 * (time.perf_counter() - start) / len(ids)
    assert decoded == [rows[i] for i in ids]
    return Peer("zstd per row, dictionary", 1 - size / table.nbytes, encode_s, decode_us)


def zstd_whole(table: np.ndarray) -> Peer:
    """The whole table as one frame at level 19: no row can be had alone."""
    import zstandard

    start = time.perf_counter()
    packed = zstandard.ZstdCompressor(level=19).compress(table.tobytes())
    encode_s = time.perf_counter() - start
    return Peer("zstd -19, whole table", 1 - len(packed) / table.nbytes, encode_s, None)


def constriction_ans(table: np.ndarray) -> Iterator[Peer]:
    """An ANS coder with one distribution: over the whole table, and anew for each row.

    Words are 32 bits; an index by row costs as much as in `zstd_rows`.
    """
    import constriction

    symbols = table.astype(np.int32) + 128
    counts = np.bincount(symbols.ravel(), minlength=256)
    shares = (np.maximum(counts, 1e-9) / counts.sum()).astype(np.float32)
    model = constriction.stream.model.Categorical(shares, perfect=False)
    start = time.perf_counter()
    coder = constriction.stream.stack.AnsCoder()
    coder.encode_reverse(symbols.ravel(), model)
    size = 4 * len(coder.get_compressed()) + 2 * 256
    seconds = time.perf_counter() - start
    yield Peer("constriction ANS, whole table", 1 - size / table.nbytes, seconds, None)

    def encode(row: np.ndarray) -> np.ndarray:
        coder = constriction.stream.stack.AnsCoder()
        coder.encode_reverse(row, model)
        return coder.get_compressed()

    start = time.perf_counter()
    packed = [encode(row) for row in symbols]
    seconds = time.perf_counter() - start
    size = sum(4 * len(words) for words in packed) + 2 * 256 + index_bytes(len(packed))
    ids = np.random.default_rng(0).integers(0, len(packed), TIMED_ROWS)
    start = time.perf_counter()
    for i in ids:
        constriction.stream.stack.AnsCoder(packed[i]).decode(model, table.shape[1])
    decode_us = 1e6 * (time.perf_counter() - start) / len(ids)
    yield Peer("constriction ANS per row", 1 - size / table.nbytes, seconds, decode_us)
