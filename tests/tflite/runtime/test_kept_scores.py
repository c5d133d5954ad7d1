"""Scores call after call: integers that are kept give to the bit what decoding gives."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.codec.tables import MODES, gaussian, ranked
from tests.tflite.runtime.packed_lookups import Type
from tfcompress.codec import pack
from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.runtime.delegate_rows import SCORES_CODE, SCORES_VERSION, DelegateRows

ROWS = 300
STARTS = (0, 7, 100, 299)
BATCHES = (0, 1, 7, 33)
TABLES = {
    "coarse": ranked(ROWS, 24, step=0.2),
    "wide": ranked(ROWS, 270, step=0.1),
    "fine": gaussian(ROWS, 24),
    "zeros": np.zeros((ROWS, 8), np.int8),
}


def scores_file(table, mode, *, operators=((STARTS, 1.0),), change=None):
    """Vectors against one table, once for every `(first rows of classes, step of the first)`."""
    subgraph = schema.SubGraphT(tensors=[], operators=[], inputs=[], outputs=[], name="main")
    model = schema.ModelT(
        version=3, operatorCodes=[], subgraphs=[subgraph], buffers=[schema.BufferT()]
    )
    file = TfliteFile(model)
    packed = pack(table, mode)
    rows = DelegateRows(file, "items", packed)
    if change is not None:
        payload = packed.header.sections()["payload"]
        blob = np.frombuffer(packed.to_bytes(), np.uint8).copy()
        blob[payload] ^= np.uint8(change)
        model.buffers[-1].data = blob
    columns = table.shape[1]
    vectors = file.add_tensor(
        subgraph, "vectors", [1, columns], Type.FLOAT32, signature=[-1, columns]
    )
    ids = file.add_tensor(subgraph, "ids", [2], Type.INT32)
    looked_up = file.add_tensor(subgraph, "rows", [2, columns], Type.INT8)
    subgraph.operators = rows.rows(subgraph, ids, looked_up)
    constant = subgraph.operators[0].inputs[1]
    shrink = file.add_constant(subgraph, "shrink", np.array([0.125], np.float32))
    subgraph.inputs, subgraph.outputs = [vectors, ids], [looked_up]
    for k, (starts, step) in enumerate(operators):
        steps = np.geomspace(step, 3, len(starts)).astype(np.float32)
        inputs = [
            vectors,
            constant,
            file.add_constant(subgraph, f"steps{k}", steps),
            file.add_constant(subgraph, f"starts{k}", np.array(starts, np.int32)),
            shrink,
        ]
        output = file.add_tensor(
            subgraph, f"scores{k}", [1, ROWS], Type.FLOAT32, signature=[-1, ROWS]
        )
        subgraph.operators.append(
            file.custom_operator(SCORES_CODE, inputs, [output], bytes([SCORES_VERSION]))
        )
        subgraph.outputs.append(output)
    return file


def expected(table, vectors, starts=STARTS, step=1.0):
    """The formula of PACKED_OP.md, in float64, and the sum of its terms' sizes."""
    steps = np.geomspace(step, 3, len(starts)).astype(np.float32)
    of_rows = steps[np.searchsorted(starts, np.arange(ROWS), side="right") - 1]
    values = (table - 0.125 * np.sign(table)) * of_rows[:, None]
    return vectors @ values.T, np.abs(vectors) @ np.abs(values).T


def call(interpreter, vectors, ids=(3, ROWS - 1)):
    """The rows of ids, and scores of vectors by each operator."""
    inputs = interpreter.get_input_details()
    for detail, value in zip(inputs, (vectors, np.array(ids, np.int32)), strict=True):
        interpreter.resize_tensor_input(detail["index"], value.shape)
    interpreter.allocate_tensors()
    for detail, value in zip(inputs, (vectors, np.array(ids, np.int32)), strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    outputs = interpreter.get_output_details()
    return [interpreter.get_tensor(output["index"]).copy() for output in outputs]


def score(interpreter, vectors):
    return call(interpreter, vectors)[1:]


def vectors_of(count, columns, seed=0):
    return np.random.default_rng(seed).normal(size=(count, columns)).astype(np.float32)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", TABLES)
def test_kept_or_not_scores_are_the_same_to_the_bit(opened, name, mode):
    table = TABLES[name]
    file = scores_file(table, mode)
    keeping, decoding = opened(file), opened(file, kept_bytes=0)
    for seed, count in enumerate(BATCHES + BATCHES[::-1]):
        vectors = vectors_of(count, table.shape[1], seed)
        (found,), (decoded,) = score(keeping, vectors), score(decoding, vectors)
        np.testing.assert_array_equal(found.view(np.uint32), decoded.view(np.uint32))
        exact, size = expected(table, vectors)
        assert (np.abs(found - exact) <= 1e-5 * size).all()
        for vector, row in zip(vectors[:3], found, strict=False):
            (alone,) = score(keeping, vector[None])
            np.testing.assert_array_equal(alone[0].view(np.uint32), row.view(np.uint32))


@pytest.mark.parametrize("name", ["coarse", "fine"])
def test_vectors_that_are_not_finite(opened, name):
    """A zero times infinity, which would be no number, is not multiplied."""
    table = TABLES[name]
    interpreter = opened(scores_file(table, "indexed"))
    for count in (1, 1, 9):
        vectors = vectors_of(count, table.shape[1])
        vectors[:, 5] = np.inf
        (found,) = score(interpreter, vectors)
        infinite = np.broadcast_to(table[:, 5] != 0, found.shape)
        np.testing.assert_array_equal(np.isinf(found), infinite)
        assert not np.isnan(found).any()


@pytest.mark.parametrize("mode", ["rate", "indexed"])
@pytest.mark.parametrize("kept_bytes", [None, 0, 1000])
def test_a_damaged_table_is_an_error_each_time(opened, mode, kept_bytes):
    interpreter = opened(scores_file(TABLES["coarse"], mode, change=0x5A), kept_bytes=kept_bytes)
    for count in (1, 1, 7):
        with pytest.raises(RuntimeError, match=r"table 'items': row \d+ is damaged"):
            score(interpreter, vectors_of(count, 24))


@pytest.mark.parametrize("mode", ["rate", "fixed", "raw"])
@pytest.mark.parametrize("name", TABLES)
def test_rows_that_scores_keep_are_looked_up(opened, name, mode):
    table = TABLES[name]
    interpreter = opened(scores_file(table, mode))
    vectors = vectors_of(1, table.shape[1])
    for seed, count in enumerate((2, ROWS, 1, 0, 90)):
        ids = np.random.default_rng(seed).permutation(ROWS)[:count]
        rows, found = call(interpreter, vectors, ids)
        np.testing.assert_array_equal(rows, table[ids])
        exact, size = expected(table, vectors)
        assert (np.abs(found - exact) <= 1e-5 * size).all()
    for wrong in (-1, ROWS, 2**31 - 1):
        with pytest.raises(RuntimeError, match=f"'items': id {wrong} is out of range"):
            call(interpreter, vectors, [5, wrong])


def test_operators_on_one_table_by_their_own_classes(opened):
    table = TABLES["coarse"]
    operators = [(STARTS, 1.0), (STARTS, 0.5), ((0, 20), 1.0), ((0, 40), 1.0), ((0,), 2.0)]
    interpreter = opened(scores_file(table, "rate", operators=operators))
    for seed, count in enumerate((1, 33, 1)):
        vectors = vectors_of(count, 24, seed)
        outputs = score(interpreter, vectors)
        for found, (starts, step) in zip(outputs, operators, strict=True):
            exact, size = expected(table, vectors, starts, step)
            assert (np.abs(found - exact) <= 1e-5 * size).all()


def test_interpreters_at_once(opened):
    table = TABLES["coarse"]
    file = scores_file(table, "rate")
    given = [vectors_of(count, 24, seed) for seed, count in enumerate((1, 7, 1, 33) * 5)]
    alone = [score(opened(file, kept_bytes=0), vectors)[0] for vectors in given]
    with ThreadPoolExecutor(2) as threads:
        interpreters = [opened(file) for _ in range(2)]
        running = [
            threads.submit(lambda i: [score(i, vectors)[0] for vectors in given], interpreter)
            for interpreter in interpreters
        ]
        for thread in running:
            for found, decoded in zip(thread.result(), alone, strict=True):
                np.testing.assert_array_equal(found, decoded)
