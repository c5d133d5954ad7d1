import io
import zipfile

import numpy as np
import pytest

from tfcompress.errors import ModelError
from tfcompress.tflite import read_vocabulary
from tfcompress.tflite.graph.flatbuffer import read

TABLE = np.arange(15, dtype=np.float32).reshape(5, 3)
IDS = np.array([4, 0, 4], np.int32)


def test_associated_files_are_kept(lookup_file, run):
    file, _ = lookup_file(TABLE)
    flatbuffer = file.to_bytes()
    stream = io.BytesIO(flatbuffer)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("labels.txt", "one\ntwo\n")
        archive.comment = b"by hand"
    content = stream.getvalue()
    again = read(content)
    assert again.archive_bytes == len(content) - len(flatbuffer)
    again.set_metadata("note", b"moves the archive" * 10)
    moved = again.to_bytes()
    with zipfile.ZipFile(io.BytesIO(moved)) as archive:
        assert archive.read("labels.txt") == b"one\ntwo\n"
        assert archive.comment == b"by hand"
    assert moved == read(moved).to_bytes()
    assert np.array_equal(run(moved, IDS)[0], TABLE[IDS])


def test_no_archive(lookup_file):
    content = lookup_file(TABLE)[0].to_bytes()
    assert (read(content).associated, read(content).archive_bytes) == ([], 0)


def test_a_constant_that_looks_like_the_end_of_an_archive_is_no_archive(lookup_file):
    file, _ = lookup_file(TABLE)
    file.add_constant(file.subgraphs[0], "bytes", np.frombuffer(b"PK\x05\x06" * 9, np.uint8))
    content = file.to_bytes()
    assert read(content).to_bytes() == content


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_archive_is_a_model_error(lookup_file, method):
    stream = io.BytesIO(lookup_file(TABLE)[0].to_bytes())
    start = stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream, "a", method) as archive:
        archive.writestr("vocabulary.tfcv", b"no vocabulary " * 20)
    content = np.frombuffer(stream.getvalue(), np.uint8)
    told = 0
    for place in range(start, len(content)):
        damaged = content.copy()
        damaged[place] ^= 0x5A
        for reads in (read, read_vocabulary):
            try:
                reads(damaged.tobytes())
            except ModelError:
                told += 1
    assert told
