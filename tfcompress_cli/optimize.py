"""`tfcompress convert --dense`: dense layers pruned, clustered or trained for int8 before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfcompress.errors import ConfigError
from tfcompress_cli import console
from tfcompress_cli.run_quality import check_file

if TYPE_CHECKING:
    import keras

    from tfcompress.model_optimization import DenseMethod
    from tfcompress.search.run.quality import RunQuality
    from tfcompress.training import Run


@dataclass(frozen=True)
class Optimizing:
    """What the flags ask for.

    Attributes:
        method: DenseMethod.
        data: str or None. Where the data of the training lie now; None where they lay then.
    """

    method: DenseMethod
    data: str | None

    @classmethod
    def parse(cls, dense: str, data: str | None) -> Optimizing:
        """From the flags; raises `ConfigError` for a method that is none."""
        from tfcompress.model_optimization import DenseMethod

        return cls(DenseMethod.parse(dense), data)

    def run(self, run: Run | None, model: keras.Model, top_k: int | None) -> Optimized:
        """Trains the dense layers of a run's model.

        Args:
            run: Run or None. What the model is from.
            model: keras.Model. Its weights change.
            top_k: int or None. What the file returns, and so what it is judged by at the end.
        """
        from tfcompress.model_optimization import optimize_dense
        from tfcompress.search.run.quality import RunQuality

        if run is None:
            raise ConfigError("--dense trains on the data of a run; convert a run directory")
        console.download(self.data or run.config().data.source)
        with console.err.status("Training the dense layers"):
            measured = RunQuality(run, model, self.data)
            trained = measured.splits(model, top_k)
            optimize_dense(model, self.method, measured.task)
        return Optimized(measured, trained)


@dataclass(frozen=True)
class Optimized:
    """A model that was changed, and what it gave before.

    Attributes:
        measured: RunQuality.
        trained: dict. Quality on "validation" and "test" before.
    """

    measured: RunQuality
    trained: dict[str, float]

    def check(self, content: bytes) -> str:
        """What the file gives, in a line."""
        return check_file(content, self.measured, self.trained)
