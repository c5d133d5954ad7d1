"""Rows that the delegate keeps for later calls: always the right ones."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

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
from tfcompress.tflite.packing.fused_scales import fuse_scales
from tfcompress.tflite.runtime.delegate_rows import DelegateRows

PLACES = 32
"""Rows that are kept of a table of 300: ids that differ by so many share a place."""


def histories(calls, rng):
    """Ids of calls that follow each other: some come again and again, some share a place."""
    often = rng.integers(0, ROWS, 12)
    for _ in range(calls):
        ids = rng.integers(0, ROWS, rng.integers(1, 90))
        again_and_again = rng.random(len(ids)) < 0.7
        ids[again_and_again] = rng.choice(often, int(again_and_again.sum()))
        neighbours = rng.random(len(ids)) < 0.2
        ids[neighbours] = (ids[neighbours] + PLACES) % ROWS
        yield ids


@pytest.mark.parametrize(("mode", "dtype"), OFFERED)
def test_calls_after_calls_give_the_rows_that_were_packed(opened, mode, dtype):
    rows, file = packed_matrix(mode, dtype)
    interpreter = opened(file)
    for ids in histories(40, np.random.default_rng(3)):
        expected = values(rows[ids], dtype)
        result = look_up(interpreter, ids)
        np.testing.assert_array_equal(result.view(np.uint8), expected.view(np.uint8))


def test_an_id_that_shares_the_place_of_a_kept_row(opened):
    rows, kind = matrix("int8")
    interpreter = opened(lookup_file(pack(rows, "indexed"), kind))
    for first in (0, 5):
        for _ in range(3):
            np.testing.assert_array_equal(look_up(interpreter, np.array([first])), rows[[first]])
        for second in range(first + PLACES, ROWS, PLACES):
            ids = np.array([first, second, first, second, second])
            for _ in range(3):
                np.testing.assert_array_equal(look_up(interpreter, ids), rows[ids])


@pytest.mark.parametrize("wrong", [5 - PLACES, 5 + 10 * PLACES, -1, -(2**31)])
def test_an_id_out_of_range_stays_an_error(opened, wrong):
    rows, kind = matrix("int8")
    interpreter = opened(lookup_file(pack(rows, "fixed"), kind))
    sound = np.array([5, 31, 0])
    for _ in range(3):
        np.testing.assert_array_equal(look_up(interpreter, sound), rows[sound])
        with pytest.raises(RuntimeError, match=f"id {wrong} is out of range"):
            look_up(interpreter, np.array([5, wrong]))


def test_ids_that_do_not_come_again_and_then_do(opened):
    rows, kind = matrix("int8")
    interpreter = opened(lookup_file(pack(rows, "fixed"), kind))
    for call in range(100):
        ids = np.arange(call, call + 10 * PLACES, PLACES)[:9] % ROWS
        np.testing.assert_array_equal(look_up(interpreter, ids), rows[ids])
    for _ in range(100):
        np.testing.assert_array_equal(look_up(interpreter, np.arange(9)), rows[:9])


def scaled(file, kind_of_scales):
    """Lets every lookup multiply its rows by one scale or by a scale a row."""
    subgraph = file.subgraphs[0]
    scales = np.linspace(0.01, 1, ROWS, dtype=np.float32)
    if kind_of_scales == "one":
        scales = scales[7:8].reshape(())
    for operator in list(subgraph.operators):
        (ids, _), (rows,) = operator.inputs, operator.outputs
        floats, product = (
            file.add_like(subgraph, name, rows, Type.FLOAT32) for name in ("floats", "product")
        )
        made = [file.operator("CAST", [rows], [floats])]
        if kind_of_scales == "one":
            scale = file.add_constant(subgraph, "scale", scales)
        else:
            values_of_rows = file.add_constant(subgraph, "scales", scales[:, None])
            scale = file.add_like(subgraph, "scale", rows, Type.FLOAT32, last=[1])
            gather = schema.GatherOptionsT()
            made.append(file.operator("GATHER", [values_of_rows, ids], [scale], gather))
        made.append(file.operator("MUL", [floats, scale], [product], schema.MulOptionsT()))
        subgraph.operators += made
        place = subgraph.outputs.index(rows)
        subgraph.outputs[place] = product
    fuse_scales(file)
    assert all(len(operator.inputs) == 3 for operator in subgraph.operators)
    return scales if scales.ndim else np.full(ROWS, scales)


@pytest.mark.parametrize("kind_of_scales", ["one", "one a row"])
def test_rows_with_scales(opened, kind_of_scales):
    rows, kind = matrix("int8")
    file = lookup_file(pack(rows, "indexed"), kind)
    scales = scaled(file, kind_of_scales)
    interpreter = opened(file)
    for ids in histories(40, np.random.default_rng(4)):
        expected = rows[ids].astype(np.float32) * scales[ids, None]
        np.testing.assert_array_equal(look_up(interpreter, ids), expected)


def test_two_lookups_in_one_table_and_a_second_table(opened):
    rows, kind = matrix("int8")
    file = lookup_file(pack(rows, "fixed"), kind)
    subgraph = file.subgraphs[0]
    table = subgraph.operators[0].inputs[1]
    other = DelegateRows(file, "users", pack(rows[::-1].copy(), "indexed"))
    for name in ("again", "users"):
        ids = file.add_tensor(subgraph, f"ids_{name}", [4], Type.INT32)
        output = file.add_tensor(subgraph, f"rows_{name}", [4, COLUMNS], kind)
        made = again(file, ids, table, output) if name == "again" else None
        subgraph.operators += made or other.rows(subgraph, ids, output)
        subgraph.inputs.append(ids)
        subgraph.outputs.append(output)
    interpreter = opened(file)
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(inputs[0]["index"], [4])
    interpreter.allocate_tensors()
    rng = np.random.default_rng(5)
    often = rng.integers(0, ROWS, 6)
    for _ in range(40):
        given = [(rng.choice(often, 4) + PLACES * (rng.random(4) < 0.2)) % ROWS for _ in inputs]
        for detail, ids in zip(inputs, given, strict=True):
            interpreter.set_tensor(detail["index"], ids.astype(np.int32))
        interpreter.invoke()
        for detail, ids, from_ in zip(outputs, given, (rows, rows, rows[::-1]), strict=True):
            result = interpreter.get_tensor(detail["index"])
            np.testing.assert_array_equal(result, from_[ids])
