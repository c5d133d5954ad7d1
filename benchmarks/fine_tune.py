"""What an epoch with rounded tables wins back: quality of a ranker before and after, by bytes.

    python benchmarks/fine_tune.py RUN [RUN ...] [--ratios 85 115 150] [--rates 0.0005 0.002]
        [--epochs 1] [--data DATA] [--backend jax] [--json FILE]

RUN is what `tfcompress train` made; its data must still be there, or be given. Every run is trained
on once for every ratio (times smaller than float32) and learning rate, as by `tfcompress train
--from RUN --quantize 115x --learning-rate 0.002`. "coded" is the model with tables coded and dense
layers fitted to them, "tuned" the same after training; both are relative to the trained model, on
the validation and on the test split, and "dropout" is that of the better of two trainings. Where
training made the model worse, `train` keeps what was coded: then only the validation of what was
trained is known. Seconds are those of the whole fine-tuning, measuring included.
"""

import argparse
import itertools
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HEADINGS = (
    "run",
    "ratio",
    "rate",
    "bytes",
    "coded",
    "(test)",
    "tuned",
    "(test)",
    "dropout",
    "kept",
    "s",
)


def measure(source: Path, ratio: float, rate: float | None, given: Any) -> dict[str, Any]:
    """One fine-tuning, in a folder that is gone afterwards."""
    from tfcompress.search.run.fine_tune import Coarseness, fine_tune
    from tfcompress.search.run.quality import RunQuality
    from tfcompress.training import Run

    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "run")
        started = time.perf_counter()
        metrics = fine_tune(
            Run(source),
            run,
            Coarseness(times_smaller=ratio),
            epochs=given.epochs,
            learning_rate=rate,
            data=given.data,
        )
        seconds = time.perf_counter() - started
        rate = run.config().learning_rate
        about, watched = metrics["fine_tuning"], metrics["watched"]
        tuned = {"validation": metrics["history"][-1][watched]}
        if about["helps"]:
            model = run.model()
            tuned["test"] = RunQuality(run, model, given.data).on_test(model)

    def changes(quality: dict[str, float]) -> dict[str, float]:
        return {name: value / about["started_from"][name] - 1 for name, value in quality.items()}

    return {
        "run": str(source),
        "ratio": ratio,
        "rate": rate,
        "table_bytes": about["table_bytes"],
        "metric": watched,
        "trained": about["started_from"],
        "coded": changes(about["coded_only"]),
        "tuned": changes(tuned),
        "dropout": about["dropout"],
        "kept": about["helps"],
        "seconds": seconds,
    }


def cells(row: dict[str, Any]) -> list[str]:
    """The row as the table shows it."""
    changes = [row[part].get(split) for part in ("coded", "tuned") for split in row["coded"]]
    return [
        Path(row["run"]).name,
        f"{row['ratio']:g}x",
        f"{row['rate']:.3g}",
        f"{row['table_bytes']:,}",
        *("-" if change is None else f"{change:+.1%}" for change in changes),
        f"{row['dropout']:g}",
        "yes" if row["kept"] else "no",
        f"{row['seconds']:.0f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--ratios", type=float, nargs="+", default=[85, 115, 150])
    parser.add_argument("--rates", type=float, nargs="+", help="default: that of `train --from`")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--data", help="where the data of the runs lie now")
    parser.add_argument("--backend", choices=["jax", "tensorflow"], default="jax")
    parser.add_argument("--json", type=Path, help="also write the numbers")
    given = parser.parse_args()
    os.environ["KERAS_BACKEND"] = given.backend
    rows = []
    progress = Console(stderr=True, width=120)
    for source, ratio, rate in itertools.product(given.runs, given.ratios, given.rates or [None]):
        rows.append(measure(source, ratio, rate, given))
        progress.print(*cells(rows[-1]), highlight=False)
    names = sorted({row["metric"] for row in rows})
    table = Table(title=f"change of {', '.join(names)}, {given.epochs} epoch(s)", box=None)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "run" else "right")
    for row in rows:
        table.add_row(*cells(row))
    Console(width=120).print(table)
    if given.json is not None:
        given.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
