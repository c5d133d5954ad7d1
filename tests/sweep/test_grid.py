from pathlib import Path

import pytest

from tfcompress import layers
from tfcompress.errors import ConfigError
from tfcompress.sweep import Grid
from tfcompress.sweep.grid import Embedding, read_toml


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tabel_dtype": ["int8"]}, "tabel_dtype: no such key; did you mean table_dtype?"),
        ({"seed": ["0"]}, r"seed.0 is '0': .*integer"),
        ({"seed": [-1]}, "seed.0 is -1"),
        ({"seed": []}, "seed is .*at least 1 item"),
        ({"ratio": [0.5]}, "ratio.0 is 0.5"),
        ({"embedding": "fool"}, "embedding.0 is 'fool': .*'full', 'truncated'"),
        ({"method": "edge"}, "method.0 is 'edge': there are ours, search, float32"),
        ({"max_loss": 1.5}, "max_loss.0 is 1.5"),
        ({"method": "search"}, "method: 'search' needs max_loss or max_bytes"),
        ({"data": []}, "data is .*at least 1 item"),
        ({"data": {"source": "x", "colour": 1}}, "data.0.colour is 1"),
        ({"data": {"source": "x", "training": {"sede": 1}}}, "data x: training: sede: no such key"),
        ({"training": {"tie": True}}, "training: tie is an axis"),
        ({"training": {"epoch": 3}}, "training: epoch: no such key; did you mean epochs?"),
        ({"training": {"epochs": 0}}, "training: epochs is 0: .* greater than or equal to 1"),
        ({"data": {"source": "x", "training": {"epochs": 0}}}, "data x: training: epochs is 0"),
        ({"learning_rate": [0.002, -1]}, "learning_rate.1 is -1"),
        ({"data": {"source": "x", "learning_rate": 0.0}}, "data.0.learning_rate.0 is 0.0"),
        ({"measure": {"runs": 3}}, "measure.runs is 3"),
    ],
)
def test_a_wrong_key_is_one_line(values, message):
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")) as caught:
        Grid.parse({"data": "synthetic", **values})
    assert "\n" not in str(caught.value)


def test_a_settings_file_that_is_no_toml_is_one_line(tmp_path: Path):
    path = tmp_path / "grid.toml"
    path.write_text("seed = 1\ndata == 2\n")
    with pytest.raises(ConfigError, match=r"grid.toml: is no TOML file: .*line 2"):
        read_toml(path)
    with pytest.raises(ConfigError, match="no such file"):
        read_toml(tmp_path / "other.toml")


def test_the_names_of_embeddings_are_those_of_the_layers():
    assert Embedding.__args__ == layers.NAMES
