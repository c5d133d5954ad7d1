"""Tables on disk pass through in blocks: in order, sampled evenly, in little memory."""

import subprocess
import sys

import numpy as np
import pytest

from tests.codec.tables import gaussian
from tfcompress.codec import pack, packing
from tfcompress.codec.source import as_source, map_blocks


def test_blocks_are_whole_groups_and_come_in_order():
    source = as_source(gaussian(70_000, 20))
    blocks = list(source.blocks())
    assert [start for start, _ in blocks[1:]] == [stop for _, stop in blocks[:-1]]
    assert all(start % 64 == 0 for start, _ in blocks)
    assert blocks[-1][1] == 70_000
    done = []
    assert list(map_blocks(source, lambda start, stop: (start, stop), done.append)) == blocks
    assert sum(done) == 70_000


def test_an_error_in_a_block_reaches_the_caller():
    source = as_source(gaussian(70_000, 20))

    def fail(start, stop):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(map_blocks(source, fail, lambda rows: None))


def test_samples_are_spread_over_the_table():
    table = np.repeat(np.arange(100, dtype=np.int8), 640)[:, None] * np.ones((1, 4), np.int8)
    sample = as_source(table).sample(4 * 6400)
    assert sample.rows == 6400
    assert np.bincount(sample.table[:, 0]).min() >= 32
    assert as_source(table).sample(table.size) is not sample
    assert as_source(table).sample(table.size).rows == len(table)


def test_memmap_and_array_pack_alike(tmp_path):
    table = gaussian(3000, 50)
    table.tofile(tmp_path / "table.bin")
    mapped = np.memmap(tmp_path / "table.bin", np.int8, "r", shape=table.shape)
    for mode in ("indexed", "context", "predictive"):
        assert pack(mapped, mode).to_bytes() == pack(table, mode).to_bytes()
    assert np.array_equal(mapped, table)


def test_strided_and_big_endian_tables():
    table = gaussian(100, 40)
    assert np.array_equal(pack(table[::3, ::2]).unpack(), table[::3, ::2])
    floats = np.random.default_rng(0).normal(size=(20, 5)).astype(">f4")
    assert np.array_equal(pack(floats, "context").unpack(), floats)


def test_large_results_go_to_a_file(monkeypatch, tmp_path):
    table = gaussian(3000, 50)
    expected = pack(table, "context").to_bytes()
    monkeypatch.setattr(packing, "IN_MEMORY_BYTES", 1000)
    packed = pack(table, "context")
    assert isinstance(packed._data, np.memmap)
    assert packed.to_bytes() == expected
    packed.save(tmp_path / "table.tfct")
    assert (tmp_path / "table.tfct").read_bytes() == expected


MEASURE = """
import resource, sys
import numpy as np
from tfcompress.codec import pack, packing
packing.IN_MEMORY_BYTES = 1 << 20
table = np.memmap(sys.argv[1], np.int8, "r").reshape(-1, 64)
pack(table[:70_000], sys.argv[2])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
packed = pack(table, sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, packed.saved)
"""


def test_memory_does_not_grow_with_the_table(tmp_path):
    table = np.tile(gaussian(1 << 16, 64), (16, 1))
    table.tofile(tmp_path / "table.bin")
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "table.bin"), "indexed"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    kilobytes, saved = map(float, output.split())
    assert saved > 0.2
    assert kilobytes * 1024 < table.nbytes / 2
