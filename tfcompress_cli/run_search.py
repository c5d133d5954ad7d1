"""`tfcompress convert --max-loss`, `--max-bytes`, `--snr`: the tables of a run or a Keras model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfcompress.errors import ConfigError
from tfcompress_cli import budget, console, curve
from tfcompress_cli.run_quality import check_file

if TYPE_CHECKING:
    from pathlib import Path

    import keras

    from tfcompress.choices import DenseDtype
    from tfcompress.search import Found
    from tfcompress.search.run.quality import RunQuality
    from tfcompress.training import Run


@dataclass(frozen=True)
class WantedOfRun(budget.Wanted):
    """What the flags of `convert` ask for.

    Attributes:
        refit: bool. Whether dense layers are fitted to the coded tables.
        top_k: int or None. What the file returns, and so what it is judged by at the end.
        dense_dtype: str. What dense weights are in the file.
        tune: int. Epochs of tuning the rest of the model to the coded tables.
    """

    refit: bool = True
    top_k: int | None = None
    dense_dtype: DenseDtype = "float32"
    tune: int = 0

    def check_measuring(self, source: Path) -> None:
        """Raises `ConfigError` for flags about measuring that do not go with the source."""
        from tfcompress.training import Run

        measuring = (self.metric, self.data, self.tune, self.refit) != (None, None, 0, True)
        if measuring and self.budget.snr_db is not None:
            raise ConfigError(
                "--metric, --data, --no-refit and --tune mean nothing with --snr, which needs no "
                "data; leave them out"
            )
        if measuring and not Run.is_run(source):
            raise ConfigError(
                f"--metric, --data, --no-refit and --tune are for runs, {source} is none; leave "
                "them out"
            )


@dataclass(frozen=True)
class Result:
    """A search that has ended.

    Attributes:
        wanted: WantedOfRun.
        found: Found.
        measured: RunQuality or None. None where no data were needed.
        trained: dict. What the trained model gives on "validation" and "test".
        weighted: bool. Whether rows of some table count by how often training read them.
    """

    wanted: WantedOfRun
    found: Found
    measured: RunQuality | None
    trained: dict[str, float]
    weighted: bool

    def show(self) -> None:
        """Prints the curve: trials that no other beats, fewest bytes first; and what was fitted."""
        self.wanted.show_curve(self.found)
        if self.measured is not None and not self.wanted.tune:
            curve.show_added(self.measured.dataset)
        if self.found.dense_loss:
            console.say(
                f"dense weights as {self.wanted.dense_dtype} lose {self.found.dense_loss:.2%} "
                "themselves, which the tables had to spare\n"
            )
        if self.found.refitted:
            console.say(
                f"dense weights changed: {', '.join(self.found.refitted)}, fitted to the coded "
                "tables (--no-refit leaves them)\n"
            )

    def check(self, content: bytes) -> str:
        """What the file itself gives, in a line."""
        if self.measured is None:
            return budget.reached(self.found, weighted=self.weighted)
        return check_file(content, self.measured, self.trained)

    def write_curve(self) -> None:
        """Writes what --curve and --plot ask for."""
        self.wanted.write_curve(self.found)


def find(run: Run | None, model: keras.Model, wanted: WantedOfRun) -> Result:
    """Searches, with a line for every trial while it lasts."""
    from tfcompress.search.run.quality import RunQuality
    from tfcompress.search.run.search import search_run

    measured: RunQuality | None = None
    trained: dict[str, float] = {}
    needs_data = wanted.budget.snr_db is None
    if run is not None and needs_data:
        console.download(wanted.data or run.config().data.source)
        measured = RunQuality(run, model, wanted.data, wanted.metric)
        # Before the search, because it changes the model.
        trained = measured.splits(model, wanted.top_k)
    elif wanted.budget.max_loss is not None:
        raise ConfigError(
            "--max-loss measures on the data of a run; convert a run directory, give --snr or "
            "--max-bytes, or bring a measure of your own: tfcompress.search.convert_lossy in Python"
        )
    counts = run.vocabulary().id_counts if run else None
    with curve.searching() as tell:
        found = search_run(
            model,
            wanted.budget,
            measured,
            target=wanted.target,
            code_output=wanted.code_output,
            dense_dtype=wanted.dense_dtype,
            refit=wanted.refit,
            tune_epochs=wanted.tune,
            counts=counts,
            # Lists are judged otherwise than all scores.
            reference=trained.get("validation") if wanted.top_k is None else None,
            tell=tell,
        )
    weighted = counts is not None and any(
        len(table.integers) == len(counts) for table in found.tables.values()
    )
    return Result(wanted, found, measured, trained, weighted)
