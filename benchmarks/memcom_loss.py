"""What decides how much MEmCom loses at a ratio: full table against MEmCom, one change at a time.

    python benchmarks/memcom_loss.py DATA [--conditions base mean ...] [--ratio 16] [--json FILE]

Every condition trains both tables on Keras' JAX backend with equal settings and prints nDCG@10 on
the validation split over the whole catalogue. Pansare et al. 2022 (section 5) report 4 % at 16x.
"""

import argparse
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

SETTINGS = {
    "ml1m_seq": {
        **{"epochs": 14, "history_length": 30, "batch_size": 2048},
        **{"num_negatives": 512, "learning_rate": 0.004},
    },
    "gowalla": {"epochs": 14, "batch_size": 2048, "learning_rate": 0.004},
}


@dataclass(frozen=True)
class Condition:
    """What is changed against the defaults, and why that might matter."""

    why: str
    settings: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    rate: float = 1.0
    mean_only: bool = False
    ones: bool = False


CONDITIONS = {
    "base": Condition("mean and last item, D = 64"),
    "ones": Condition("v starts at 1 everywhere, as in the paper", ones=True),
    "mean": Condition("only the mean of the history, as in the paper", mean_only=True),
    "wide": Condition("D = 256: more buckets for the same number of parameters", {"dim": 256}),
    "fast": Condition("twice the learning rate", rate=2.0),
    "slow": Condition("half the learning rate", rate=0.5),
    "patient": Condition("patience 5: up to twice the epochs", {"patience": 5}),
    "dense": Condition("only items seen 10 times or more", data={"min_count": 10}),
    "head": Condition("only the 5,000 most frequent items", data={"max_items": 5000}),
}


def validation(data: Path, condition: Condition, embedding: str, ratio: float) -> dict[str, Any]:
    """Trains one table; what metrics.json says of validation and size."""
    from tfcompress.models import sequence_ranker
    from tfcompress.models.pooling import MeanLastPooling, MeanPooling
    from tfcompress.training import Run, TrainConfig, train

    # Not settings of the product: the mean alone is clearly worse for every table.
    pooling = MeanPooling if condition.mean_only else MeanLastPooling
    sequence_ranker.MeanLastPooling = pooling  # type: ignore[misc]
    if condition.ones:
        start_at_one()
    settings = {"learning_rate": 0.002, "patience": 2, **SETTINGS.get(data.name, {})}
    settings |= condition.settings
    settings["learning_rate"] *= condition.rate
    source = {"source": str(data), **condition.data}
    settings |= {"data": source, "embedding": embedding, "ratio": ratio}
    config = TrainConfig.parse(settings)
    with tempfile.TemporaryDirectory() as folder:
        metrics = train(config, Run(Path(folder) / "run"))
    return {
        "ndcg": metrics["valid"]["ndcg@10"],
        "items": metrics["data"]["input_dim"],
        "epochs": metrics["best_epoch"] + 1,
    }


def start_at_one() -> None:
    """All scales of MEmCom from 1, for the rest of the process: run this condition last."""
    import keras

    from tfcompress.layers import MEmComEmbedding

    MEmComEmbedding._head_first = staticmethod(keras.initializers.Ones())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="such as ../shared/data/amazon_games_seq")
    parser.add_argument("--conditions", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    parser.add_argument("--embedding", default="memcom")
    parser.add_argument("--ratio", type=float, default=16.0)
    parser.add_argument("--json", type=Path, help="also write the numbers")
    given = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "jax"
    table = Table("condition", "items", "full (epochs)", f"{given.embedding} (epochs)", "change")
    rows = []
    for name in sorted(given.conditions, key=lambda name: CONDITIONS[name].ones):
        condition = CONDITIONS[name]
        full = validation(given.data, condition, "full", 1.0)
        small = validation(given.data, condition, given.embedding, given.ratio)
        change = small["ndcg"] / full["ndcg"] - 1
        rows.append({"condition": name, "why": condition.why, "full": full, "small": small})
        table.add_row(
            f"{name}: {condition.why}",
            f"{full['items']:,}",
            f"{full['ndcg']:.4f} ({full['epochs']})",
            f"{small['ndcg']:.4f} ({small['epochs']})",
            f"{100 * change:+.1f} %",
        )
        Console(stderr=True).print(f"{name}: {100 * change:+.1f} %", highlight=False)
        if given.json:
            given.json.write_text(json.dumps(rows, indent=1))
    Console().print(table)


if __name__ == "__main__":
    main()
