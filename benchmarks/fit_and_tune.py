"""From a trained full table to a compressed one: nDCG@10 fitted, tuned, and from scratch.

    python benchmarks/fit_and_tune.py RUN [--embeddings memcom qr ...] [--epochs 1 5] [--scratch]

RUN is what `tfcompress train --embedding full` made; its data must still be there. `fitted` is
`replace_embeddings(..., fit=True)`, beside it the same after some epochs more, and with `--scratch`
as many epochs as the full table took, from random weights (benchmarks/quality.toml has those with
early stopping). Keras on JAX; test split, whole catalogue.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table


def quality(model: Any, task: Any) -> float:
    """nDCG@10 on the test split, history masked."""
    from tfcompress.ranking import evaluate

    def score(ids: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict_on_batch(ids)["scores"])

    return evaluate(score, task.data.test, length=task.config.history_length).ndcg


def trained(model: Any, task: Any, epochs: list[int]) -> Iterator[float]:
    """Trains as `tfcompress train` does; yields the quality after each number of epochs."""
    import keras

    trainer = task.trainer(model)
    trainer.compile(optimizer=keras.optimizers.Adam(task.config.learning_rate))
    for epoch in range(max(epochs)):
        trainer.fit(task.batches(epoch), verbose=0, shuffle=False)
        if epoch + 1 in epochs:
            yield quality(model, task)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    names = ["truncated", "hash", "qr", "memcom", "memcom-bias", "low-rank", "tiered"]
    parser.add_argument("--embeddings", nargs="+", default=[*names, "mixed-width", "tensor-train"])
    parser.add_argument("--ratio", type=float, default=16)
    parser.add_argument("--epochs", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--scratch", action="store_true")
    given = parser.parse_args()
    given.epochs = sorted(set(given.epochs))
    os.environ["KERAS_BACKEND"] = "jax"
    from tfcompress import replace_embeddings
    from tfcompress.data import load
    from tfcompress.models.sequence_ranker import ITEMS
    from tfcompress.training import Run
    from tfcompress.training.loop import make_deterministic
    from tfcompress.training.ranking_task import RankingTask

    run = Run(given.run)
    config = run.config()
    task = RankingTask(config, load(config.data.source, **config.data.options))
    full = run.model()
    reference = quality(full, task)
    took = run.metrics()["best_epoch"] + 1
    table = Table(title=f"full table: {reference:.4f} after {took} epochs", box=None)
    headings = ["embedding", "fitted", *(f"+ {count} epochs" for count in given.epochs)]
    for heading in [*headings, f"scratch, {took}"] if given.scratch else headings:
        table.add_column(heading, justify="left" if heading == "embedding" else "right")
    for name in given.embeddings:
        make_deterministic(config.seed)
        spec = {"embedding": name, "ratio": given.ratio, "counts": task.data.id_counts}
        fitted = replace_embeddings(full, {ITEMS: spec}, fit=True)
        reached = [quality(fitted, task), *trained(fitted, task, given.epochs)]
        if given.scratch:
            changed = config.model_copy(update={"embedding": name, "ratio": given.ratio})
            scratch = RankingTask(changed, task.data).build_model()
            reached += trained(scratch, task, [took])
        row = [f"{value:.4f} ({100 * (value / reference - 1):+.0f} %)" for value in reached]
        table.add_row(name, *row)
        Console(stderr=True).print(name, *row)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
