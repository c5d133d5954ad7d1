import numpy as np
import pytest

from tfcompress.errors import ModelError
from tfcompress.measure.inputs import ModelInput, find_inputs, takes_batches


def test_the_model_itself_tells_which_table_an_input_reads(several_inputs):
    interpreter = several_inputs.open()
    found = find_inputs(interpreter, several_inputs.info)
    names = {detail["index"]: detail["name"] for detail in interpreter.get_input_details()}
    by_name = {names[entry.index]: entry for entry in found}
    # Hashing takes any id: the largest table's.
    limits = {name: entry.limit for name, entry in by_name.items()}
    assert limits == {"user": 10, "item": 30, "word": 30, "dense": None}
    assert by_name["user"].shape == (-1,)
    assert by_name["word"].shape[0] == -1
    assert by_name["word"].shape[1] > 1


def test_metadata_tells_how_many_ids_a_compressed_table_takes(several_inputs):
    info = several_inputs.info.__class__(
        tables=several_inputs.info.tables, metadata={"embeddings": [{"input_dim": 9}]}
    )
    found = find_inputs(several_inputs.open(), info)
    assert [entry.limit for entry in found if entry.limit] == [9, 9, 9]


def test_ids_that_come_as_floats(float_ids):
    model, limit = float_ids
    interpreter = model.open()
    names = {detail["index"]: detail["name"] for detail in interpreter.get_input_details()}
    found = {names[entry.index]: entry for entry in find_inputs(interpreter, model.info)}
    assert {name: entry.limit for name, entry in found.items()} == {"ids": limit, "dense": None}
    drawn = found["ids"].draw(np.random.default_rng(0), 200)
    assert drawn.dtype == np.float32
    assert np.array_equal(drawn, np.trunc(drawn))
    assert drawn.max() > 1


def test_a_model_without_batch(fixed_shape, ranker):
    (fixed,) = find_inputs(fixed_shape.open(), fixed_shape.info)
    assert (fixed.shape, fixed.limit) == ((10,), 30)
    assert not takes_batches([fixed])
    assert takes_batches(find_inputs(ranker.open(), ranker.info))


def test_ids_that_the_model_never_takes_are_the_models_error():
    class Refusing:
        def get_input_details(self):
            signature = np.array([-1, 3])
            return [{"index": 0, "name": "ids", "dtype": np.int32, "shape_signature": signature}]

        def resize_tensor_input(self, index, shape): ...
        def allocate_tensors(self): ...
        def set_tensor(self, index, value): ...

        def invoke(self):
            raise RuntimeError("node 7 failed to invoke\nmore lines")

    info = type("Info", (), {"tables": (), "metadata": None})
    with pytest.raises(ModelError, match=r"refuses it: node 7 failed to invoke$"):
        find_inputs(Refusing(), info)


@pytest.mark.parametrize("dtype", [np.str_, np.complex64])
def test_inputs_that_are_no_numbers_are_refused(dtype):
    class Other:
        def get_input_details(self):
            return [{"index": 0, "name": "x", "dtype": dtype, "shape_signature": np.array([1])}]

    with pytest.raises(ModelError, match="input 'x' has dtype"):
        find_inputs(Other(), type("Info", (), {"tables": (), "metadata": None}))


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "uint8", "int8", "bool"])
def test_drawn_values_have_the_shape_and_dtype_of_the_input(dtype):
    limit = 7 if dtype in {"int32", "int64"} else None
    entry = ModelInput(0, (-1, 50), dtype, limit)
    value = entry.draw(np.random.default_rng(0), 20)
    assert (value.shape, value.dtype) == ((20, 50), np.dtype(dtype))
    if limit:
        assert (value.min(), value.max()) == (0, limit - 1)
    else:
        assert len(np.unique(value)) > 1
