"""Buffers behind the flatbuffer: what models over 2 GB need, tried on small ones."""

import io
import zipfile

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.tflite.lookup_models import lookup_model, table
from tfcompress.tflite.graph import serialize
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.graph.parse import parse
from tfcompress.tflite.packing.pack import pack

LARGE = 4000
IDS = np.array([3, LARGE - 1], np.int32)


@pytest.fixture
def small_limit(monkeypatch):
    monkeypatch.setattr(serialize, "LARGEST_FLATBUFFER", 10_000)


def outside(content: bytes) -> list[tuple[int, int]]:
    model = schema.Model.GetRootAs(content)
    buffers = [model.Buffers(k) for k in range(model.BuffersLength())]
    return [(buffer.Offset(), buffer.Size()) for buffer in buffers if buffer.Offset()]


def test_large_buffers_stand_behind_the_flatbuffer_and_run(small_limit, run):
    stream = io.BytesIO(lookup_model(table("int8", LARGE)))
    ((offset, size),) = outside(stream.getvalue())
    assert offset % 64 == 0
    assert size == LARGE * 16
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("labels.txt", "one\n")
    content = read(stream.getvalue()).to_bytes()
    assert content == read(content).to_bytes()
    assert zipfile.ZipFile(io.BytesIO(content)).read("labels.txt") == b"one\n"
    assert np.array_equal(run(content, IDS)[0], table("int8", LARGE)[IDS])


@pytest.mark.parametrize("target", ["delegate", "builtin"])
def test_packed_tables_behind_the_flatbuffer(small_limit, run, target):
    plain = lookup_model(table("int8", LARGE))
    content = pack(plain, codec="indexed", target=target)
    assert outside(content)
    assert len(content) < len(plain)
    assert np.array_equal(run(content, IDS)[0], table("int8", LARGE)[IDS])


def test_a_model_that_got_small_is_one_flatbuffer_again(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(serialize, "LARGEST_FLATBUFFER", 10_000)
        plain = lookup_model(table("int8", LARGE))
    assert outside(plain)
    assert not outside(pack(plain, codec="indexed", target="delegate"))


def test_buffers_of_the_same_size_stand_behind_a_flatbuffer_of_its_whole_size(small_limit):
    buffers = [schema.BufferT(np.full(5000, k, np.uint8)) for k in range(40)]
    model = schema.ModelT(version=3, buffers=buffers, subgraphs=[schema.SubGraphT()])
    found = parse(serialize.serialize(model))
    assert [set(buffer.data) for buffer in found.buffers] == [{k} for k in range(40)]
