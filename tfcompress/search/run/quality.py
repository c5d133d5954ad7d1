"""The quality of a run's model, as its training measures it."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfcompress import layers
from tfcompress.errors import ConfigError
from tfcompress.search.item_scores import SCORED_EXAMPLES
from tfcompress.search.keras_model.measures import Samples

if TYPE_CHECKING:
    import keras

    from tfcompress.training import Run


class RunQuality:
    """What measures the model of a run.

    Args:
        run: Run.
        model: keras.Model. Of the run.
        data: str or None. Where its data lie now; None where they lay then.
        metric: str or None. A key of the validation's result; None takes the one of the training.

    Raises:
        ConfigError: the data are not those of the training, or there is no such metric.
    """

    def __init__(
        self, run: Run, model: keras.Model, data: str | None = None, metric: str | None = None
    ) -> None:
        from tfcompress.data import LOADERS
        from tfcompress.training.loop import TASKS

        config, identity = run.config(), run.metrics()["data"]["identity"]
        source = data or config.data.source
        dataset: Any = LOADERS[config.model](source, **config.data.options)
        if dataset.sha256 != identity["sha256"]:
            raise ConfigError(
                f"{source}: is not what {run.path} was trained on; give the same data with --data"
            )
        self.run = run
        self.dataset = dataset
        self.task = TASKS[config.model](config, dataset)
        self.metric = metric or self.task.watched
        if metric is not None and metric not in (known := self.task.validate(model)):
            raise ConfigError(f"--metric: got {metric!r}, expected one of {', '.join(known)}")

    def samples(self, model: keras.Model) -> Samples:
        """What the model is looked at with: validation inputs, those of the training, counts."""
        length = model.inputs[0].shape[1]
        return Samples(
            self.dataset.valid.inputs(length, SCORED_EXAMPLES),
            self.task.training_inputs,
            self.task.logits,
            reads_of(model, self.dataset.id_counts),
        )

    def examine(self, model: keras.Model) -> tuple[float, float]:
        """Quality on the validation split, and its smooth companion."""
        quality, soft = self.task.examine(model)
        return quality[self.metric], soft

    def splits(self, model: keras.Model, top_k: int | None = None) -> dict[str, float]:
        """Quality on the splits "validation" and "test".

        Args:
            model: keras.Model.
            top_k: int or None. K: by lists of the K best items, as a file with `--top-k` gives
                them, where seen items leave gaps. None goes by all scores.

        Raises:
            ConfigError: `top_k` is out of its range, or for a model that scores classes.
        """
        kind = self.task.config.model
        if top_k is not None and not hasattr(self.task, "validate_lists"):
            raise ConfigError(f"top_k: got {top_k}, but a {kind} scores classes; it is for rankers")
        return {
            "validation": self._on(self.dataset.valid, model, top_k),
            "test": self.on_test(model, top_k),
        }

    def on_test(self, model: keras.Model, top_k: int | None = None) -> float:
        """Quality on the test split; as `splits`."""
        return self._on(self.dataset.test, model, top_k)

    def on(self, examples: Any) -> RunQuality:
        """The same with other examples in the place of the validation split."""
        other = copy(self)
        other.dataset = replace(self.dataset, valid=examples)
        other.task = type(self.task)(self.task.config, other.dataset)
        return other

    def _on(self, examples: Any, model: keras.Model, top_k: int | None) -> float:
        task: Any = self.on(examples).task
        quality = task.validate(model) if top_k is None else task.validate_lists(model, top_k)
        return float(quality[self.metric])


def reads_of(model: keras.Model, counts: NDArray[np.number]) -> dict[str, NDArray[np.number]]:
    """How often ids are read, for each embedding of a model that has as many of them."""
    embeddings = layers.model_embeddings(model)
    return {name: counts for name, layer in embeddings.items() if layer.input_dim == len(counts)}
