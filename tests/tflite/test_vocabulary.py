import io
import re
import zipfile

import numpy as np
import pyarrow as pa
import pytest

from tfcompress.errors import ConfigError, ModelError
from tfcompress.tflite import inspect_model, pack, read_vocabulary, unpack
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.vocabulary import MEMBER, check_vocabulary, vocabulary_file
from tfcompress.vocabulary import Vocabulary

WORDS = Vocabulary(pa.array([f"word{k * k}" for k in range(100)]), np.zeros(100, np.int64))


@pytest.fixture(scope="module")
def plain(lookup_file):
    table = np.random.default_rng(0).integers(-3, 4, (102, 64)).astype(np.int8)
    return lookup_file(table)[0].to_bytes()


@pytest.fixture(scope="module")
def content(plain):
    file = read(plain)
    file.associated.append(vocabulary_file(WORDS))
    return file.to_bytes()


def test_it_is_read_from_bytes_and_from_a_file(content, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    for model in (content, bytearray(content), path, str(path)):
        found = read_vocabulary(model)
        assert found.id_of("word49") == 9
        assert found.token_of(9) == "word49"
        assert found.id_of("word50") == 1


def test_the_member_lies_there_as_it_is(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        info = archive.getinfo(MEMBER)
        assert info.compress_type == zipfile.ZIP_STORED
        assert archive.read(info) == vocabulary_file(WORDS).content
    assert vocabulary_file(WORDS).content in content


def test_other_archives_hold_none(plain, tmp_path):
    stream = io.BytesIO(plain)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("labels.txt", "one\n")
    assert read_vocabulary(plain) is None
    assert read_vocabulary(stream.getvalue()) is None
    assert inspect_model(stream.getvalue()).vocabulary is None
    with pytest.raises(ModelError, match=r"no\.tflite: No such file"):
        read_vocabulary(tmp_path / "no.tflite")
    with pytest.raises(ModelError, match="model: got None, expected the path"):
        read_vocabulary(None)


def test_packing_keeps_it(content):
    packed = pack(content, codec="indexed", target="delegate")
    assert len(packed) != len(content)
    for model in (packed, unpack(packed)):
        assert read_vocabulary(model).tokens() == WORDS.tokens.to_pylist()


def test_damage_is_named(content, plain, tmp_path):
    start = content.index(b"tfcv")
    path = tmp_path / "model.tflite"
    for at in range(start, start + len(vocabulary_file(WORDS).content), 7):
        path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        with pytest.raises(ModelError, match=r"model\.tflite: the archive behind .* damaged"):
            read_vocabulary(path)
        with pytest.raises(ModelError, match="damaged"):
            inspect_model(path.read_bytes())


def test_a_vocabulary_that_is_none(plain):
    stream = io.BytesIO(plain)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(MEMBER, "one\n")
    for reader in (read_vocabulary, inspect_model):
        with pytest.raises(ModelError, match="stored vocabulary: it begins with b'one"):
            reader(stream.getvalue())


@pytest.mark.parametrize("given", ["vocabulary.parquet", 3, ["word0"], {}])
def test_what_is_no_vocabulary_is_told(given):
    expected = re.escape(f"vocabulary: got {given!r}, expected a Vocabulary; Vocabulary.load(path)")
    with pytest.raises(ConfigError, match=expected):
        check_vocabulary(given, [102], {})


def test_a_vocabulary_of_another_model_is_refused():
    check_vocabulary(WORDS, [7, 102], {})
    check_vocabulary(WORDS, [5000], {"vocabulary_sha256": WORDS.sha256})
    with pytest.raises(ConfigError, match="it has 102 ids, the model's embeddings 7, 8; pass"):
        check_vocabulary(WORDS, [7, 8], {})
    with pytest.raises(ConfigError, match=f"it is {WORDS.sha256[:12]}, the model was trained with"):
        check_vocabulary(WORDS, [102], {"vocabulary_sha256": "ab" * 32})
