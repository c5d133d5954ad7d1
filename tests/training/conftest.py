import pytest

from tfcompress.data import Dataset, synthetic
from tfcompress.training import TrainConfig


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return synthetic.generate(num_items=60, num_users=80, mean_length=8, num_clusters=4)


@pytest.fixture
def config() -> TrainConfig:
    return TrainConfig.parse(
        {
            "data": {"source": "synthetic"},
            "embedding": "memcom",
            "ratio": 3,
            "dim": 8,
            "history_length": 6,
            "hidden_units": (8,),
            "dropout": 0.2,
            "epochs": 4,
            "patience": 10,
            "batch_size": 32,
            "learning_rate": 0.01,
        }
    )
