"""Unpacking: tables and operators as they were, and files that were changed since."""

import json

import numpy as np
import pytest

from tests.tflite.lookup_models import LARGE, lookup_model, packed_by, table
from tfcompress.errors import CorruptTableError, ModelError
from tfcompress.tflite.graph.fields import text
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.inspect import inspect_model
from tfcompress.tflite.packing.pack import pack
from tfcompress.tflite.packing.unpack import unpack


def test_packing_anew_takes_the_plain_table(run):
    plain = lookup_model(table("int8", LARGE))
    ids = np.array([7, 0, LARGE - 1], np.int32)
    for first, then in (("builtin", "delegate"), ("delegate", "builtin")):
        again = packed_by(packed_by(plain, first), then)
        assert inspect_model(again).tables == inspect_model(packed_by(plain, then)).tables
        assert np.array_equal(run(again, ids)[0], table("int8", LARGE)[ids])
    assert unpack(plain) == plain


def test_operators_come_back_as_they_were():
    for operator in ("GATHER", "EMBEDDING_LOOKUP"):
        plain = lookup_model(table("int8", LARGE), operator=operator)
        for target in ("delegate", "builtin"):
            again = unpack(packed_by(plain, target))
            assert inspect_model(again).operators == {operator: 1}
            assert np.array_equal(
                read(again).array(read(again).subgraphs[0].tensors[2]), table("int8", LARGE)
            )


def test_a_damaged_packed_table_is_named():
    content = packed_by(lookup_model(table("int8", LARGE)), "delegate")
    file = read(content)
    packed = file.subgraphs[0].operators[0].inputs[1]
    buffer = file.model.buffers[file.subgraphs[0].tensors[packed].buffer]
    buffer.data = np.array(buffer.data)
    buffer.data[1000] ^= 1
    with pytest.raises(CorruptTableError, match=r"table: packed table: payload bytes from 0 do"):
        unpack(file.to_bytes())


def test_a_changed_decoder_is_named():
    content = packed_by(lookup_model(table("int8", LARGE)), "builtin")
    for name, message in (("table/to", "operators"), ("table/symbols", "constants")):
        file = read(content)
        for tensor in file.subgraphs[0].tensors:
            if text(tensor.name) == name:
                tensor.name = "renamed"
        with pytest.raises(ModelError, match=f"table: the {message} .* were changed"):
            unpack(file.to_bytes())


@pytest.mark.parametrize(
    "code", [{"bits": 60, "shift": 0}, {"bits": 9, "shift": 9}, {"bits": 16, "shift": 1}, {}, 7]
)
def test_a_changed_code_is_named(code):
    file = read(packed_by(lookup_model(table("int8", LARGE)), "builtin"))
    damaged_entry(file, lambda table: table["packed"].update(code=code))
    with pytest.raises(ModelError, match=r"table: the constants .* were changed"):
        unpack(file.to_bytes())


def damaged_entry(file, change):
    entry = json.loads(file.metadata("tfcompress"))
    change(entry["tables"][0])
    file.set_metadata("tfcompress", json.dumps(entry).encode())


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: setattr(file.subgraphs[0].operators[-1], "inputs", [0]),
        lambda file: setattr(file.subgraphs[0].tensors[0], "buffer", 9999),
    ],
)
def test_files_that_contradict_themselves(damage):
    for target in ("delegate", "builtin"):
        file = read(packed_by(lookup_model(table("int8", LARGE)), target))
        damage(file)
        for step in (unpack, pack):
            try:
                step(file.to_bytes())
            except (ModelError, CorruptTableError):
                continue  # any other exception fails the test


@pytest.mark.parametrize(
    ("damage", "place"),
    [
        (lambda table: table.update(tensors=[]), "tensors"),
        (lambda table: table.update(packed=7), "packed"),
        (lambda table: table["packed"].pop("type"), "packed.type"),
        (lambda table: table["packed"].update(type="int99"), "packed.type"),
        (lambda table: table["packed"].update(shape="none"), "packed.shape"),
        (lambda table: table["packed"].update(constants=["table"]), "packed.constants"),
    ],
)
@pytest.mark.parametrize("target", ["builtin", "delegate"])
def test_a_damaged_entry_of_the_metadata_is_named(target, damage, place):
    file = read(packed_by(lookup_model(table("int8", LARGE)), target))
    damaged_entry(file, damage)
    message = f"the file's 'tfcompress' metadata is damaged: table 'table': {place}: "
    for step in (unpack, pack, inspect_model):
        with pytest.raises(ModelError, match=message):
            step(file.to_bytes())


@pytest.mark.parametrize("lookups", [None, [], [{"subgraph": 7}]])
def test_damaged_places_of_decoders_are_named(lookups):
    file = read(packed_by(lookup_model(table("int8", LARGE)), "builtin"))
    damaged_entry(file, lambda table: table["packed"].update(lookups=lookups))
    with pytest.raises(ModelError, match=r"table: the constants .* were changed"):
        unpack(file.to_bytes())
