"""What metrics of single rows spare where scores are taken against a coded table, without a search.

    python benchmarks/scored_rows.py RUN [RUN ...] [--ratios 18 23.5 30] [--data DATA]
        [--row-step-exponents 0.625 0.375] [--rate-weights 0.3 0.15]

RUN is what `tfcompress train --embedding full --tie` made. Its table is coded at one setting and as
many bytes, rounded value by value and by what all errors of a row do together; dense layers and
item biases are fitted either way, as `convert --max-loss` does. Shown are changes of the watched
metric and of its smooth companion on the test split, and the Kullback-Leibler divergence of the
answers to 1,024 test inputs from the trained model's; means over the runs, and the metric of each.
Keras on JAX.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

ROUNDINGS = ("by value", "together")
_INPUTS, _BATCH = 1024, 256


class Tied:
    """A run of which the table is read and scored against.

    Args:
        run: Path.
        data: str or None. Where the data lie now.
    """

    def __init__(self, run: Path, data: str | None) -> None:
        from tfcompress import layers
        from tfcompress.search.keras_model.measures import Measures
        from tfcompress.search.keras_model.tables import ModelTables
        from tfcompress.search.run.quality import RunQuality
        from tfcompress.search.shipped_bytes import shipped_bytes
        from tfcompress.tflite.tables.table_reads import TableReads
        from tfcompress.training import Run

        self.model = Run(run).model()
        measured = RunQuality(Run(run), self.model, data)
        self._task, self._test = measured.task, measured.on(measured.dataset.test)
        layer = self.model.get_layer(self._task.table)
        samples = measured.samples(self.model)
        measures = Measures.of(self.model, samples, [layer], [layer])
        self.start = measures.start
        self._inputs = measured.dataset.test.inputs(self.model.inputs[0].shape[1], _INPUTS)
        self._answers, self._quality = self._logits(), self._test.examine(self.model)
        names = [f"{self._task.table}/{key}" for key in layers.layer_tables(layer)]
        reads = TableReads(others=1, is_folded=True)
        how: dict[str, Any] = {
            "size_of": lambda _, table: shipped_bytes(table, "delegate", reads),
            "logits": samples.logits,
            "metrics": measures.metrics,
            "refit": measures.refit,
        }
        together = {**how, "row_metrics": measures.row_metrics}
        self._tables = {
            rounding: ModelTables(self.model, names, samples.counts, samples.fresh, **own)
            for rounding, own in zip(ROUNDINGS, (how, together), strict=True)
        }

    def losses(self, rounding: str, ratio: float, **way: float) -> tuple[int, np.ndarray]:
        """Bytes; changes of the metric and of its companion in percent, and the divergence."""
        from tfcompress.search.coded_sizes import fit_step
        from tfcompress.search.divergence import mean_divergence

        tables = self._tables[rounding]
        settings = replace(self.start, **way)
        coded = fit_step(tables.encode, settings, tables.float_bytes / ratio)
        with tables.in_place(coded) as changed:
            found = np.array(self._test.examine(changed))
            divergence = mean_divergence(self._answers, self._logits())
        return coded.nbytes, np.append(100 * (found / self._quality - 1), divergence)

    def _logits(self) -> np.ndarray:
        parts = [self._inputs[k : k + _BATCH] for k in range(0, len(self._inputs), _BATCH)]
        outputs = [self._task.predict(self.model, part) for part in parts]
        return np.concatenate([np.asarray(self._task.logits(one), np.float32) for one in outputs])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--ratios", type=float, nargs="+", default=[18, 23.5, 30])
    parser.add_argument("--row-step-exponents", type=float, nargs="+", default=[0.625, 0.375])
    parser.add_argument("--rate-weights", type=float, nargs="+", default=[0.3, 0.15])
    parser.add_argument("--data")
    given = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    runs = [Tied(run, given.data) for run in given.runs]
    shown = Table(box=None, title=f"test split, means of {len(runs)} runs")
    for heading in ("times smaller", "way", "rounding", "bytes", "metric", "soft", "divergence"):
        shown.add_column(heading, justify="left" if heading in ("way", "rounding") else "right")
    shown.add_column("metric of each", justify="right")
    ways = list(zip(given.row_step_exponents, given.rate_weights, strict=True))
    for ratio in given.ratios:
        for exponent, weight in ways:
            for rounding in ROUNDINGS:
                way = {"row_step_exponent": exponent, "rate_weight": weight}
                found = [run.losses(rounding, ratio, **way) for run in runs]
                sizes, losses = zip(*found, strict=True)
                metric, soft, divergence = np.mean(losses, axis=0)
                shown.add_row(
                    f"{ratio:g}x",
                    f"{exponent:g}, {weight:g}",
                    rounding,
                    f"{np.mean(sizes):,.0f}",
                    f"{metric:+.2f} %",
                    f"{soft:+.2f} %",
                    f"{divergence:.4f}",
                    ", ".join(f"{own[0]:+.1f}" for own in losses),
                )
    Console(width=120).print(shown)


if __name__ == "__main__":
    main()
