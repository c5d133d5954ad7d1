import json

import pytest

from tfcompress.errors import ConfigError
from tfcompress.training import Run, TrainConfig

DATA = {"data": {"source": "synthetic"}}


def test_the_ratio_follows_the_embedding():
    assert TrainConfig.parse(DATA).ratio == 16
    assert TrainConfig.parse(DATA | {"embedding": "full"}).ratio == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs is 0: .*greater than or equal to 1"),
        ({"dropout": 1.5}, r"dropout is 1\.5"),
        ({"hidden_units": ("64", "x")}, r"hidden_units\.1 is 'x'"),
        ({"embedding": "full", "ratio": 4}, "the full table has ratio 1"),
        ({"colour": "red"}, "colour: no such key"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_a_wrong_field_is_named_in_one_line(values, message):
    with pytest.raises(ConfigError, match=message) as caught:
        TrainConfig.parse(DATA | values)
    assert "\n" not in str(caught.value)


def test_json_brings_back_the_same_configuration():
    config = TrainConfig.parse(DATA | {"hidden_units": (64, 32), "tie": True})
    assert TrainConfig.model_validate_json(config.model_dump_json()) == config


def test_only_the_number_of_epochs_may_change_on_resume():
    config = TrainConfig.parse(DATA)
    assert TrainConfig.parse(DATA | {"epochs": 99}).first_difference(config) is None
    assert TrainConfig.parse(DATA | {"dim": 8}).first_difference(config) == "dim"


def test_a_run_of_before_there_was_a_lower_rate_had_none(tmp_path):
    stored = TrainConfig.parse(DATA).model_dump(mode="json")
    (tmp_path / "config.json").write_text(json.dumps(stored))
    assert Run(tmp_path).config().rate_drop == 0.25
    del stored["rate_drop"]
    (tmp_path / "config.json").write_text(json.dumps(stored))
    assert Run(tmp_path).config().rate_drop == 1
