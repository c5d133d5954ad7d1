"""`tfcompress convert --max-loss`, `--max-bytes`, `--snr`: the smallest tables for a budget."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfcompress.errors import ConfigError
from tfcompress_cli import console, curve
from tfcompress_cli.run_quality import check_file

if TYPE_CHECKING:
    from pathlib import Path

    import keras

    from tfcompress.search import Budget, Found, Trial
    from tfcompress.search.run_quality import RunQuality
    from tfcompress.training import Run

_UNITS = {"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KIB": 1 << 10, "MIB": 1 << 20}


@dataclass(frozen=True)
class Wanted:
    """What the flags ask for.

    Attributes:
        budget: Budget.
        metric: str or None. A key of the validation's result; None takes the one of the training.
        data: str or None. Where the data of the training lie now; None where they lay then.
        target: str. What will decode the rows.
        code_output: bool. Whether an untied output matrix is coded too.
        refit: bool. Whether dense layers are fitted to the coded tables.
        top_k: int or None. What the file returns, and so what it is judged by at the end.
        tune: int. Epochs of tuning the rest of the model to the coded tables.
        curve: Path or None. Where the trials go, as JSON.
        plot: Path or None. Where the picture of them goes.
    """

    budget: Budget
    metric: str | None
    data: str | None
    target: str
    code_output: bool
    refit: bool = True
    top_k: int | None = None
    tune: int = 0
    curve: Path | None = None
    plot: Path | None = None

    def check(self, out: Path, source: Path, codec: str, *, overwrite: bool) -> None:
        """Raises `ConfigError` for what would end the search in vain."""
        from tfcompress.files import refuse_existing
        from tfcompress.training import Run

        codecs = ("auto", "rate") if self.target == "delegate" else ("auto", "indexed")
        if codec not in codecs:
            raise ConfigError(
                f"--codec: got {codec!r}, but a search for target {self.target!r} counts on "
                f"{' or '.join(codecs)}; leave it out"
            )
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
        written = [path.resolve() for path in (out, self.curve, self.plot) if path is not None]
        for path in (self.curve, self.plot):
            if path is None:
                continue
            if source.resolve() in (path.resolve(), *path.resolve().parents):
                raise ConfigError(f"{path}: is or lies in the source {source}; name another place")
            if written.count(path.resolve()) > 1 or path.is_dir():
                raise ConfigError(f"{path}: is a folder or named twice; name another file")
            refuse_existing(path, overwrite=overwrite)
        if self.plot is not None:
            curve.check_can_draw()


@dataclass(frozen=True)
class Result:
    """A search that has ended.

    Attributes:
        wanted: Wanted.
        found: Found.
        measured: RunQuality or None. None where no data were needed.
        trained: dict. What the trained model gives on "validation" and "test".
    """

    wanted: Wanted
    found: Found
    measured: RunQuality | None
    trained: dict[str, float]

    def show(self) -> None:
        """Prints the curve: trials that no other beats, fewest bytes first; and what was fitted."""
        curve.show(self.found)
        if self.found.refitted:
            console.out.print(
                f"dense weights changed: {', '.join(self.found.refitted)}, fitted to the coded "
                "tables (--no-refit leaves them)\n",
                highlight=False,
                soft_wrap=True,
            )

    def check(self, content: bytes) -> str:
        """What the file itself gives, in a line."""
        if self.measured is None:
            reached = self.found.chosen.quality
            return f"SNR of the coded tables: {reached:.2f} dB"
        return check_file(content, self.measured, self.trained)

    def write_curve(self) -> None:
        """Writes what --curve and --plot ask for."""
        from tfcompress.files import write_file

        if self.wanted.curve is not None:
            write_file(self.wanted.curve, curve.to_json(self.found), overwrite=True)
        if self.wanted.plot is not None:
            write_file(self.wanted.plot, curve.to_png(self.found), overwrite=True)


def find(run: Run | None, model: keras.Model, wanted: Wanted) -> Result:
    """Searches, with a line for every trial while it lasts."""
    from tfcompress.search.run_quality import RunQuality
    from tfcompress.search.run_search import search_run

    measured: RunQuality | None = None
    trained: dict[str, float] = {}
    needs_data = wanted.budget.snr_db is None
    if run is not None and needs_data:
        console.download(wanted.data or run.config().data.source)
        measured = RunQuality(run, model, wanted.data, wanted.metric)
        # Before the search, because it changes the model.
        trained = measured.splits(model, wanted.top_k)
    elif needs_data:
        raise ConfigError(
            "--max-loss and --max-bytes measure on the data of a run; convert a run directory, or "
            "give --snr"
        )
    with console.err.status("Searching") as status:

        def tell(trial: Trial, reference: float) -> None:
            status.update(
                f"Searching: {trial.nbytes:,} bytes, {curve.quality_text(trial.quality, reference)}"
            )

        found = search_run(
            model,
            wanted.budget,
            measured,
            target=wanted.target,
            code_output=wanted.code_output,
            refit=wanted.refit,
            tune_epochs=wanted.tune,
            counts=run.vocabulary().id_counts if run else None,
            # Lists are judged otherwise than all scores.
            reference=trained.get("validation") if wanted.top_k is None else None,
            tell=tell,
        )
    return Result(wanted, found, measured, trained)


def parse(max_loss: str | None, max_bytes: str | None, snr: float | None) -> Budget:
    """The budget that the flags give."""
    from tfcompress.search.budget import Budget

    return Budget(
        max_loss=None if max_loss is None else parse_share(max_loss),
        max_bytes=None if max_bytes is None else parse_bytes(max_bytes),
        snr_db=snr,
    )


def parse_share(text: str) -> float:
    """A number from such as `1%` or `0.01`."""
    number, percent = (text[:-1], 100) if text.endswith("%") else (text, 1)
    try:
        return float(number) / percent
    except ValueError:
        raise ConfigError(f"--max-loss: got {text!r}, expected such as 1% or 0.01") from None


def parse_bytes(text: str) -> float:
    """A number of bytes from such as `200KB` (thousands), `200KiB` or `200000`."""
    found = re.fullmatch(r"\s*([0-9.]+)\s*([A-Za-z]*)\s*", text)
    try:
        if found is None or found[2].upper() not in _UNITS:
            raise ValueError
        return float(found[1]) * _UNITS[found[2].upper()]
    except ValueError:
        raise ConfigError(f"--max-bytes: got {text!r}, expected such as 200KB or 200000") from None
