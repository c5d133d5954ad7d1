"""Damaged tables: an error that says so, or the exact rows. Never other rows, never a crash."""

import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.codec.tables import gaussian
from tfcompress.codec import PackedTable, layout, pack
from tfcompress.errors import CorruptTableError

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / f"codec_v{layout.VERSION}"
NAMES = ("indexed", "context", "predictive", "rate", "rate_ranked")
MUTANTS = 1500


def mutants(blob, count, seed):
    """Copies with one to four bytes changed, moved, left out or put in."""
    generator = np.random.default_rng(seed)
    for _ in range(count):
        data = bytearray(blob)
        for _ in range(generator.integers(1, 5)):
            at = int(generator.integers(len(data)))
            kind = generator.integers(5)
            if kind == 0:
                data[at] ^= 1 << int(generator.integers(8))
            elif kind == 1:
                data[at] = int(generator.integers(256))
            elif kind == 2:
                data[at] = int(generator.choice([0, 1, 127, 128, 255]))
            elif kind == 3:
                other = int(generator.integers(len(data)))
                data[at], data[other] = data[other], data[at]
            elif generator.integers(2):
                del data[at]
            else:
                data.insert(at, int(generator.integers(256)))
        yield bytes(data)


def opened(blob):
    """The rows, or None where the table says that it is damaged."""
    try:
        packed = PackedTable.from_bytes(blob)
        packed.verify()
        return packed.unpack()
    except CorruptTableError:
        return None


def repaired(blob):
    """The same bytes with checksums that fit, where there is a header to put them in."""
    if len(blob) < layout.HEADER_BYTES + layout.GUARD_BYTES:
        return blob
    data = bytearray(blob)
    data[:5] = b"tfct\1"
    behind = layout.HEADER_BYTES + int.from_bytes(data[24:32], "little")
    if behind <= len(data):
        data[40:44] = zlib.crc32(data[behind:]).to_bytes(4, "little")
    data[44:48] = zlib.crc32(data[:44]).to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize("name", NAMES)
def test_mutants_are_found_out(name):
    blob = (GOLDEN / f"{name}.tfct").read_bytes()
    rows = PackedTable.from_bytes(blob).unpack()
    found = 0
    for mutant in mutants(blob, MUTANTS, seed=NAMES.index(name)):
        result = opened(mutant)
        found += result is None
        assert result is None or np.array_equal(result, rows)
    assert found > 0.99 * MUTANTS


@pytest.mark.parametrize("name", NAMES)
def test_every_truncation_is_found_out(name):
    blob = (GOLDEN / f"{name}.tfct").read_bytes()
    for size in range(len(blob)):
        with pytest.raises(CorruptTableError):
            PackedTable.from_bytes(blob[:size])
    with pytest.raises(CorruptTableError):
        PackedTable.from_bytes(blob + b"\0")


@pytest.mark.parametrize("name", NAMES)
def test_mutants_with_fitting_checksums_do_not_crash(name):
    blob = (GOLDEN / f"{name}.tfct").read_bytes()
    seen = {True: 0, False: 0}
    for mutant in mutants(blob, MUTANTS, seed=7 + NAMES.index(name)):
        try:
            packed = PackedTable.from_bytes(repaired(mutant))
            rows = packed.rows(np.arange(min(packed.shape[0], 100)))
            assert rows.shape[1:] == packed.rows([]).shape[1:]
            seen[True] += 1
        except CorruptTableError:
            seen[False] += 1
    assert min(seen.values()) > 20


def change(blob, at, value):
    data = bytearray(blob)
    data[at : at + len(value)] = value
    return repaired(bytes(data))


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, b"TFCT", None),
        (4, b"\2", None),
        (5, b"\x09", "mode 9 is not known"),
        (6, b"\x09", "dtype 9 is not known"),
        (7, b"\x09", "scales 9 is not known"),
        (8, b"\xff" * 8, "out of range"),
        (16, b"\xff" * 4, "out of range"),
        (8, (68).to_bytes(8, "little"), "damaged tables|follow the payload|outside"),
        (20, b"\0", "header speaks of"),
        (32, b"\1", "add up"),
        (36, b"\1", "header speaks of"),
    ],
)
def test_each_header_field_is_checked(at, value, message):
    blob = pack(gaussian(67, 9), "indexed").to_bytes()
    damaged = change(blob, at, value)
    if message is None:  # what `repaired` would put back
        damaged = blob[:at] + value + blob[at + len(value) :]
        message = "starts with" if at == 0 else "version 2"
    with pytest.raises(CorruptTableError, match=message) as caught:
        PackedTable.from_bytes(damaged).verify()
    assert "\n" not in str(caught.value)


def test_payload_is_checked_by_verify_and_only_there():
    blob = bytearray(pack(gaussian(700, 200), "indexed").to_bytes())
    blob[layout.HEADER_BYTES + 70_000] ^= 4
    packed = PackedTable.from_bytes(blob)
    with pytest.raises(CorruptTableError, match="bytes from 65536"):
        packed.verify()


def test_a_row_that_does_not_decode_is_named():
    """Without `verify` a damaged row may decode to other values; where it does not, it is named."""
    table = gaussian(30, 40)
    packed = pack(table, "context")
    start, end = (int(bit) // 8 for bit in packed._table.spans(20, 21)[0][0])
    named = 0
    for at in range(layout.HEADER_BYTES + start, layout.HEADER_BYTES + end):
        blob = bytearray(packed.to_bytes())
        blob[at] ^= 255
        damaged = PackedTable.from_bytes(blob)
        assert np.array_equal(damaged.rows(range(20)), table[:20])
        try:
            damaged.rows(range(17, 30))
        except CorruptTableError as error:
            named += "row 20: the bits of a row" in str(error)
    assert named > 0


def test_code_lengths_must_be_a_complete_code():
    packed = pack(np.tile(np.arange(4, dtype=np.int8), (9, 3)), "indexed")
    model = packed.header.sections()["model"].start
    for nibbles in (b"\x22\x32", b"\x22\x12", b"\xff\xff", b"\x22\x02", b"\x00\x00"):
        with pytest.raises(CorruptTableError):
            PackedTable.from_bytes(change(packed.to_bytes(), model + 2, nibbles))


def test_row_numbers_out_of_range_are_index_errors():
    packed = pack(gaussian(10, 4))
    for row in (-1, 10, 2**40, -(2**63)):
        with pytest.raises(IndexError, match=f"row {row} of 10 rows"):
            packed.rows([0, row])
    with pytest.raises(IndexError, match="float64"):
        packed.rows([0.5])


def test_empty_and_foreign_files(tmp_path):
    path = tmp_path / "table.tfct"
    path.touch()
    with pytest.raises(CorruptTableError, match="empty"):
        PackedTable.load(path)
    path.write_bytes(b"no table at all" * 10)
    with pytest.raises(CorruptTableError, match="starts with"):
        PackedTable.load(path)
    packed = pack(gaussian(10, 4))
    path.unlink()
    packed.save(path)
    assert np.array_equal(PackedTable.load(path).unpack(), gaussian(10, 4))
