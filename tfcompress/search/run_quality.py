"""The quality of a run's model, as its training measures it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tfcompress.errors import ConfigError

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
        self.dataset = dataset
        self.task = TASKS[config.model](config, dataset)
        self._test = TASKS[config.model](config, replace(dataset, valid=dataset.test))
        self.metric = metric or self.task.watched
        if metric is not None and metric not in (known := self.task.validate(model)):
            raise ConfigError(f"--metric: got {metric!r}, expected one of {', '.join(known)}")

    def valid(self, model: keras.Model) -> float:
        """Quality on the validation split."""
        return self.task.validate(model)[self.metric]

    def test(self, model: keras.Model) -> float:
        """Quality on the test split."""
        return self._test.validate(model)[self.metric]
