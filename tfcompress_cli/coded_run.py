"""`tfcompress convert` of a run whose tables are coded already, by `train --quantize`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfcompress.errors import ConfigError, TfcompressError
from tfcompress_cli import console
from tfcompress_cli.run_quality import check_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import keras

    from tfcompress.rate_distortion import TransformedTable
    from tfcompress.search.run.quality import RunQuality
    from tfcompress.training import Run


def is_coded(source: Path) -> bool:
    """Whether `source` is a run with coded tables."""
    from tfcompress.training.run import Run

    return Run.is_run(source) and Run(source).config().fine_tuning is not None


def refuse_budget(source: Path) -> None:
    """Raises `ConfigError` for a search on a run whose tables are coded already."""
    from tfcompress.training.run import Run

    tuned = Run(source).config().fine_tuning
    assert tuned is not None
    raise ConfigError(
        f"{source}: its tables are coded already, in at most {tuned.max_bytes:,.0f} bytes; leave "
        f"the budget out, or search the run it was made from: {tuned.run}"
    )


@dataclass(frozen=True)
class CodedRun:
    """Coded tables, and what they are compared with.

    Attributes:
        tables: mapping of table name to TransformedTable.
        measured: RunQuality or None. None where the data are not here any more.
        started_from: mapping. What the run gave that this one went on from.
        top_k: int or None. What the file returns.
    """

    tables: Mapping[str, TransformedTable]
    measured: RunQuality | None
    started_from: Mapping[str, float]
    top_k: int | None

    def check(self, content: bytes) -> str:
        """What the file gives against the model that was there before the tables were coded."""
        if self.measured is None:
            return "not compared with the trained model: its data are not here any more"
        if self.top_k is not None:
            return "not compared with the trained model: that gave all scores, this file lists"
        return check_file(content, self.measured, self.started_from)


def load(run: Run | None, model: keras.Model, top_k: int | None) -> CodedRun | None:
    """The coded tables of a run; None where it has none.

    Args:
        run: Run or None.
        model: keras.Model. Of the run.
        top_k: int or None. What the file returns.
    """
    if run is None or run.config().fine_tuning is None:
        return None
    from tfcompress.data import archives
    from tfcompress.rate_distortion.stored_tables import load_tables
    from tfcompress.search.run.quality import RunQuality

    tables = load_tables(run.tables_file)
    measured = None
    with console.err.status("Loading the data"):
        try:
            if not archives.needs_download(run.config().data.source):
                measured = RunQuality(run, model)
        except TfcompressError:
            pass
    return CodedRun(tables, measured, run.metrics()["fine_tuning"]["started_from"], top_k)
