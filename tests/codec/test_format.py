"""FORMAT.md's examples, and tables packed by earlier versions, byte for byte."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tfcompress import codec
from tfcompress.codec import PackedTable, layout, pack
from tfcompress.codec.reference import decode_rows

FORMAT = (Path(codec.__file__).parent / "FORMAT.md").read_text()
GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def block(kind):
    return re.search(rf"```{kind}\n(.*?)```", FORMAT, re.DOTALL)[1]


def example():
    return np.array([line.split() for line in block("table").splitlines()], np.int8)


@pytest.mark.parametrize("mode", ["indexed", "context", "rate"])
def test_examples_are_what_pack_writes(mode):
    lines = [
        re.match(r"(?:[0-9a-f]{2} )+", f"{line} ") for line in block(f"hex {mode}").splitlines()
    ]
    written = bytes.fromhex("".join(line[0] for line in lines))
    assert pack(example(), mode).to_bytes() == written
    assert np.array_equal(PackedTable.from_bytes(written).unpack(), example())
    assert np.array_equal(decode_rows(written, [2, 0, 1]), example()[[2, 0, 1]])


def test_header_table_is_the_header():
    rows = re.findall(r"^\| (\d+) \| (\d+) \|", FORMAT, re.MULTILINE)
    ends = [int(offset) + int(size) for offset, size in rows]
    assert [int(offset) for offset, _ in rows[1:]] == ends[:-1]
    assert ends[-1] == layout.HEADER_BYTES


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("codec_v*/*.tfct")), ids=lambda path: path.stem)
def test_golden_tables_still_open(path):
    blob = path.read_bytes()
    expected = json.loads((path.parent / "tables.json").read_text())[path.stem]
    packed = PackedTable.from_bytes(blob)
    packed.verify()
    assert packed.mode == expected["mode"]
    assert packed.dtype == expected["dtype"]
    stored = np.frombuffer(bytes.fromhex(expected["rows"]), packed.rows([]).dtype)
    assert packed.unpack().tobytes() == stored.tobytes()
    assert packed.note.decode() == expected["note"]
    assert packed.scales.reshape(-1).tolist() == expected["scales"]
    assert decode_rows(blob, np.arange(packed.shape[0])).tobytes() == stored.tobytes()


def test_there_is_a_golden_table_per_mode_and_dtype():
    tables = json.loads((GOLDEN / f"codec_v{layout.VERSION}" / "tables.json").read_text())
    assert {table["mode"] for table in tables.values()} == set(layout.MODES)
    assert {table["dtype"] for table in tables.values()} == set(layout.DTYPES)


@pytest.mark.parametrize(
    ("dtype", "columns", "row", "rest"),
    [("int8", 5, 5, 0), ("int4", 5, 3, 0), ("float32", 5, 20, 15), ("float16", 5, 10, 5)],
)
def test_row_sizes(dtype, columns, row, rest):
    assert layout.row_bytes(dtype, columns) == row
    assert layout.rest_bytes(dtype, columns) == rest
