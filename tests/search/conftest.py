import pytest

from tfcompress.data import Dataset, synthetic
from tfcompress.training import Run, TrainConfig, train


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return synthetic.generate(num_items=200, num_users=150, mean_length=10, num_clusters=4)


@pytest.fixture(scope="session")
def config() -> TrainConfig:
    return TrainConfig.parse(
        {
            "data": {"source": "synthetic"},
            "embedding": "full",
            "dim": 16,
            "history_length": 6,
            "hidden_units": (8,),
            "epochs": 3,
            "batch_size": 32,
            "learning_rate": 0.01,
        }
    )


@pytest.fixture(scope="session")
def trained(config, dataset, tmp_path_factory) -> Run:
    """A finished run."""
    run = Run(tmp_path_factory.mktemp("trained") / "run")
    train(config, run, dataset=dataset)
    return run
