"""Packed lookups served by the delegate, in the interpreter."""

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, load_delegate

from tests.codec.tables import fibonacci
from tests.tflite.runtime.packed_lookups import (
    COLUMNS,
    OFFERED,
    ROWS,
    Type,
    again,
    look_up,
    lookup_file,
    matrix,
    packed_matrix,
    values,
)
from tfcompress.codec import pack
from tfcompress.errors import ConfigError, ModelError
from tfcompress.native import DELEGATE_LIBRARY
from tfcompress.tflite.runtime.delegate import delegates_for, needs_delegate
from tfcompress.tflite.runtime.delegate_rows import DelegateRows

BATCHES = (0, 1, 7, 512)


@pytest.mark.parametrize(("mode", "dtype"), OFFERED)
def test_gives_the_rows_that_were_packed(opened, mode, dtype):
    rows, file = packed_matrix(mode, dtype)
    interpreter = opened(file)
    for batch in BATCHES:
        ids = np.random.default_rng(batch).integers(0, ROWS, batch)
        expected = values(rows[ids], dtype)
        result = look_up(interpreter, ids)
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result.view(np.uint8), expected.view(np.uint8))


def test_any_shape_of_ids_and_rows(opened):
    rows, kind = matrix("int8")
    packed = pack(rows, "indexed")
    ids = np.arange(24).reshape(2, 3, 4)
    interpreter = opened(lookup_file(packed, kind, ids=(-1, -1, 4), row=(3, 6)))
    np.testing.assert_array_equal(look_up(interpreter, ids), rows[ids].reshape(2, 3, 4, 3, 6))
    scalar = opened(lookup_file(packed, kind, ids=()))
    np.testing.assert_array_equal(look_up(scalar, np.array(5)), rows[5])


def test_sixteen_bits_and_wide_ids(opened):
    rows, _ = matrix("float16")
    file = lookup_file(pack(rows, "indexed"), Type.INT16, ids_kind=Type.INT64)
    interpreter = opened(file)
    np.testing.assert_array_equal(look_up(interpreter, np.arange(9)), rows[:9].view(np.int16))
    with pytest.raises(RuntimeError, match=f"'items': id {2**40} is out of range"):
        look_up(interpreter, np.array([2**40]))


def test_words_longer_than_a_look_up(opened):
    rows = fibonacci(24, 16)
    interpreter = opened(lookup_file(pack(rows, "indexed"), Type.INT8, row=(24,)))
    np.testing.assert_array_equal(look_up(interpreter, np.arange(len(rows))), rows)


@pytest.mark.parametrize("wrong", [-1, ROWS, 2**31 - 1])
def test_ids_out_of_range_are_named(opened, wrong):
    rows, kind = matrix("int8")
    interpreter = opened(lookup_file(pack(rows, "indexed"), kind))
    message = f"table 'items': id {wrong} is out of range, ids are 0 to {ROWS - 1}"
    with pytest.raises(RuntimeError, match=message):
        look_up(interpreter, np.array([3, wrong, 5]))
    np.testing.assert_array_equal(look_up(interpreter, np.array([3])), rows[3:4])


def test_lookups_in_one_table_and_in_two(opened):
    rows, kind = matrix("int8")
    file = lookup_file(pack(rows, "fixed"), kind)
    subgraph = file.subgraphs[0]
    table = subgraph.operators[0].inputs[1]
    other = DelegateRows(file, "users", pack(rows[::-1].copy(), "context"))
    for index, write in enumerate([lambda i, o: again(file, i, table, o), None]):
        ids = file.add_tensor(subgraph, f"ids{index}", [2], Type.INT32)
        output = file.add_tensor(subgraph, f"rows{index}", [2, COLUMNS], kind)
        made = write(ids, output) if write else other.rows(subgraph, ids, output)
        subgraph.operators += made
        subgraph.inputs.append(ids)
        subgraph.outputs.append(output)
    interpreter = opened(file)
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.allocate_tensors()
    for detail, ids in zip(inputs, ([7], [0, 1], [0, 1]), strict=True):
        interpreter.set_tensor(detail["index"], np.array(ids, np.int32))
    interpreter.invoke()
    results = [interpreter.get_tensor(detail["index"]) for detail in outputs]
    for result, expected in zip(results, (rows[7:8], rows[:2], rows[:-3:-1]), strict=True):
        np.testing.assert_array_equal(result, expected)


def test_damaged_tables_are_named(opened):
    rows, kind = matrix("int8")
    packed = pack(rows, "indexed")
    blob = bytearray(packed.to_bytes())
    sections = packed.header.sections()
    for place in (0, 9, 45, sections["model"].start, sections["index"].start + 3):
        mutant = bytearray(blob)
        mutant[place] ^= 0xFF
        with pytest.raises(ModelError, match="table 'items': damaged"):
            opened(lookup_file(packed, kind, blobs=mutant))
    short = lookup_file(packed, kind, blobs=blob[:-5])
    short.subgraphs[0].tensors[2].shape = [len(blob) - 5]
    with pytest.raises(ModelError, match="table 'items': damaged, the sections do not add up"):
        opened(short)


def test_damaged_rows_are_named_or_found_by_verifying(opened):
    rows, kind = matrix("int8")
    packed = pack(rows, "indexed")
    payload = packed.header.sections()["payload"]
    blob = bytearray(packed.to_bytes())
    blob[payload] = bytes(byte ^ 0x5A for byte in blob[payload])
    file = lookup_file(packed, kind, blobs=blob)
    interpreter = opened(file)
    with pytest.raises(RuntimeError, match=r"table 'items': row \d+ is damaged"):
        look_up(interpreter, np.arange(ROWS))
    content = file.to_bytes()
    with pytest.raises((RuntimeError, ValueError), match="checksum of the payload"):
        Interpreter(
            model_content=content, experimental_delegates=delegates_for(content, verify=True)
        )


def changed(file, what):
    """A lookup file made one that the delegate must refuse."""
    subgraph = file.subgraphs[0]
    ids, table, rows = (subgraph.tensors[k] for k in (0, 2, 1))
    if what == "columns":
        rows.shape, rows.shapeSignature = [1, COLUMNS - 1], [-1, COLUMNS - 1]
    elif what == "type of rows":
        rows.type = Type.INT32
    elif what == "type of ids":
        ids.type = Type.FLOAT32
    elif what == "version":
        subgraph.operators[0].customOptions = [3]
    elif what == "no options":
        subgraph.operators[0].customOptions = None
    elif what == "no constant":
        table.buffer = 0
    elif what == "inputs":
        subgraph.operators[0].inputs = [0]
    return file


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("columns", "'items': rows have 18 values, which the shape of tensor 'rows' does not fit"),
        ("type of rows", "'items': tensor 'rows' has type 2, which rows of this table do not"),
        ("type of ids", "'items': ids 'ids' have type 1, expected int32 or int64"),
        ("version", "this delegate knows versions up to 2: update tfcompress"),
        ("no options", "this delegate knows versions up to 2: update tfcompress"),
        ("no constant", "'items': tensor 2 is no constant vector of uint8"),
        ("inputs", "takes ids, a table"),
    ],
)
def test_refuses_what_is_no_packed_lookup(opened, what, message):
    rows, kind = matrix("int8")
    with pytest.raises(ModelError, match=message):
        opened(changed(lookup_file(pack(rows, "indexed"), kind), what))


def test_loaded_only_when_the_file_needs_it():
    rows, kind = matrix("int8")
    content = lookup_file(pack(rows, "indexed"), kind).to_bytes()
    assert needs_delegate(content)
    assert len(delegates_for(content)) == 1
    plain = content.replace(b"tfcompress.lookup", b"tfcompress.other.")
    assert not needs_delegate(plain)
    assert delegates_for(plain) == []
    for damaged in (b"", content[:6], b"\xff" * 64):
        assert not needs_delegate(damaged)


@pytest.mark.parametrize(
    ("option", "value"),
    [("threads", 1), ("verify", 2), ("kept_bytes", -1), ("kept_bytes", 10**9), ("kept_bytes", "")],
)
def test_an_option_it_does_not_know(option, value):
    with pytest.raises(ValueError, match="options are verify, 0 or 1, and kept_bytes, 0 to 9"):
        load_delegate(str(DELEGATE_LIBRARY), {option: value})


@pytest.mark.parametrize("number", [-1, 10**9])
def test_a_number_of_bytes_that_it_does_not_take(number):
    rows, kind = matrix("int8")
    content = lookup_file(pack(rows, "raw"), kind).to_bytes()
    with pytest.raises(ConfigError, match=f"kept_bytes: got {number}, expected 0 to 999,999,999"):
        delegates_for(content, kept_bytes=number)


def test_no_library(monkeypatch):
    rows, kind = matrix("int8")
    content = lookup_file(pack(rows, "raw"), kind).to_bytes()
    monkeypatch.setattr(
        "tfcompress.tflite.runtime.delegate.DELEGATE_LIBRARY", Path("none/nothing.so")
    )
    with pytest.raises(ModelError, match=r"nothing\.so, which serves packed lookups, is missing"):
        delegates_for(content)


def test_ids_whose_number_is_known_when_it_runs(opened):
    rows, kind = matrix("int8")
    file = lookup_file(pack(rows, "indexed"), kind)
    subgraph = file.subgraphs[0]
    given = file.add_tensor(subgraph, "given", [1], Type.INT32, signature=[-1])
    where = file.add_tensor(subgraph, "where", [1], Type.INT32, signature=[-1])
    options = schema.UniqueOptionsT()
    options.idxOutType = Type.INT32
    subgraph.operators.insert(0, file.operator("UNIQUE", [given], [0, where], options))
    subgraph.inputs = [given]
    interpreter = opened(file)
    for ids, expected in (([5, 5, 9], [5, 9]), ([1, 2, 3, 1], [1, 2, 3]), ([7], [7])):
        np.testing.assert_array_equal(look_up(interpreter, np.array(ids)), rows[expected])
