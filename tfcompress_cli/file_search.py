"""`tfcompress pack --max-loss`, `--max-bytes`, `--snr`: the tables of a .tflite that exists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfcompress.errors import ConfigError
from tfcompress_cli import budget, console, curve
from tfcompress_cli.run_quality import changes

if TYPE_CHECKING:
    from pathlib import Path

    from tfcompress.search import LossyPacking
    from tfcompress.search.tflite_file.quality import FileQuality


@dataclass(frozen=True)
class WantedOfFile(budget.Wanted):
    """What the flags of `pack` ask for.

    Attributes:
        ranked_rows: bool. Whether rows without counts are sorted, the most frequent first.
    """

    ranked_rows: bool = False

    def check_measuring(self, source: Path) -> None:
        """Raises `ConfigError` for flags about measuring that do not go together."""
        if self.budget.max_loss is not None and self.data is None:
            raise ConfigError(
                "--max-loss: measures the file on its validation data; give them with --data, or "
                "give --snr, which needs none"
            )
        if self.metric is not None and (self.data is None or self.budget.snr_db is not None):
            raise ConfigError(
                "--metric: needs --data to measure on, and --max-loss or --max-bytes; leave it out"
            )


@dataclass(frozen=True)
class Result:
    """A search that has ended.

    Attributes:
        wanted: WantedOfFile.
        source: Path. The file that was packed.
        packed: LossyPacking.
        weighting: str. What rows count by.
        measured: FileQuality or None. None where no data were needed.
    """

    wanted: WantedOfFile
    source: Path
    packed: LossyPacking
    weighting: str
    measured: FileQuality | None

    def show(self) -> None:
        """Prints the curve, and what rows were weighted by."""
        self.wanted.show_curve(self.packed.found)
        if self.measured is not None:
            curve.show_added(self.measured.dataset)
        lines = [f"rows count {self.weighting}"]
        if fitted := ", ".join(self.packed.found.refitted):
            lines.append(f"biases of scores changed, fitted to the coded rows of {fitted}")
        console.say("\n".join([*lines, ""]))

    def check(self, before: bytes) -> str:
        """What the file itself gives beside what it was before, in a line."""
        if self.measured is None:
            weighted = self.wanted.ranked_rows or bool(self.packed.counted)
            return budget.reached(self.packed.found, weighted=weighted)
        found = self.measured.splits(self.packed.packing.content)
        return changes(str(self.source), found, list(self.measured.splits(before).values()))

    def write_curve(self) -> None:
        """Writes what --curve and --plot ask for."""
        self.wanted.write_curve(self.packed.found)


def find(source: Path, content: bytes, wanted: WantedOfFile, *, codec: str, decoder: str) -> Result:
    """Searches, with a line for every trial while it lasts."""
    from tfcompress.search.steady_quality import steady_examine
    from tfcompress.search.tflite_file.quality import FileQuality, stored_counts
    from tfcompress.search.tflite_file.search import pack_lossy
    from tfcompress.tflite import inspect_model

    info = inspect_model(content)
    measured: FileQuality | None = None
    counts, weighted_by = None, ""
    if wanted.data is not None:
        console.download(wanted.data)
        measured = FileQuality.load(source, info, wanted.data, wanted.metric)
        counts, weighted_by = measured.counts, f"as often as {wanted.data} reads them"
    elif (counts := stored_counts(source, info)) is not None:
        weighted_by = "as often as the vocabulary.parquet beside the file says"
    judged = measured if wanted.budget.snr_db is None else None
    with curve.searching() as tell:
        packed = pack_lossy(
            content,
            wanted.budget,
            codec=codec,
            target=wanted.target,
            decoder=decoder,
            counts=counts,
            ranked_rows=wanted.ranked_rows,
            code_output=wanted.code_output,
            examine=steady_examine(judged, content) if judged else None,
            inputs=judged.inputs if judged else None,
            tell=tell,
        )
    weighting = _weighting(packed, weighted_by, by_rank=wanted.ranked_rows)
    return Result(wanted, source, packed, weighting, judged)


def _weighting(packed: LossyPacking, counted_by: str, *, by_rank: bool) -> str:
    """What rows count by: counts are of use only to tables with a row for every id."""
    others = "by their rank (--ranked-rows)" if by_rank else "all alike"
    if not counted_by:
        hint = "" if by_rank else ", for nothing says how often they are read (see --ranked-rows)"
        return others + hint
    if not packed.counted:
        return f"{others}: no table has one for every id that is counted"
    if len(packed.counted) == len(packed.found.tables):
        return counted_by
    return f"{counted_by} in {', '.join(packed.counted)}, elsewhere {others}"
