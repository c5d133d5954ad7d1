from tests.sweep.conftest import artefacts
from tfcompress.sweep import Artefact


def test_json_brings_an_artefact_back():
    (artefact,) = artefacts(
        method="ours", embedding="qr", table_dtype="int8", codec="auto", training={"epochs": 2}
    )
    text = artefact.model_dump_json()
    assert Artefact.model_validate_json(text) == artefact
    assert Artefact.model_validate_json(text).key == artefact.key


def test_a_later_field_that_is_none_changes_no_key():
    class Later(Artefact):
        added: float | None = None

    (artefact,) = artefacts(method="float32", embedding="full")
    assert Later(training=artefact.training, method="float32").key == artefact.key
    assert Later(training=artefact.training, method="float32", added=0.5).key != artefact.key
