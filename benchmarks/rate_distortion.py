"""Bytes against quality of a trained ranker's input table, without retraining, and what does it.

    python benchmarks/rate_distortion.py RUN... [--data DATA] [--ratios 40 60 85 115 150] [--at 85]

RUNs are what `tfcompress train --embedding full` made, with one seed each. Their input table is
replaced by what comes back of a `TransformedTable`; bytes are all that ships: packed integers, row
classes and steps, rotation, offset. Quality is nDCG@10 over the whole catalogue, on both splits,
relative to the float table. The first table, for each run, is the curve; "over entropy" is what the
packed integers take beyond the entropy of the integers in the codec's own contexts: model, index,
ends of blocks, rounded probabilities. The second says what these contexts spare and packs the same
integers in other ways. The last, for all runs, takes parts away or alone, each at the step that
takes as many bytes as `--at` asks for. Keras on TensorFlow.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

PARTS = {
    "row steps": {"row_step_exponent": 0.0},
    "rotation": {"rotation": "none", "metric": None},
    "metric": {"metric": None},
    "shrinkage": {"rare_shrinkage": 0.0},
    "rounding": {"rate_weight": 0.0},
}
"""What turns each part off."""
CONTEXTS = {
    "no contexts": {"of_rows": False, "of_columns": False},
    "contexts of rows": {"of_columns": False},
    "contexts of columns": {"of_rows": False},
    "both added": {},
}


class Table:
    """The input table of a ranker.

    Args:
        run: Path.
        data: str or None. Where the data lie now.
        options: dict. Arguments of `TransformCoder` and `encode`, with all parts on.
    """

    def __init__(self, run: Path, data: str | None, options: dict[str, Any]) -> None:
        from tfcompress.data.sample import spread_rows
        from tfcompress.models.sequence_ranker import ITEMS
        from tfcompress.search.keras_model.fisher import fisher_metrics
        from tfcompress.search.run.quality import RunQuality
        from tfcompress.training import Run

        self._model = Run(run).model()
        self._measured = RunQuality(Run(run), self._model, data)
        self._variable = self._model.get_layer(ITEMS).embeddings
        self.floats = np.asarray(self._variable.value)
        self._counts = self._measured.dataset.id_counts
        inputs = self._measured.dataset.valid.inputs(self._model.inputs[0].shape[1])
        inputs = inputs[spread_rows(len(inputs), 4096)]
        logits = self._measured.task.logits
        metric = fisher_metrics(self._model, {"items": self._variable}, inputs, logits)["items"]
        self.options = {"metric": metric, **options}
        self._trained = self._quality()

    def _quality(self) -> np.ndarray:
        return np.array(list(self._measured.splits(self._model).values()))

    def losses(self, coded: Any) -> tuple[float, float]:
        """Relative change on the validation and on the test split, in percent."""
        self._variable.assign(coded.dequantize())
        changed = self._quality()
        self._variable.assign(self.floats)
        valid, test = 100 * (changed / self._trained - 1)
        return valid, test

    def encoder(self, **changes: Any) -> Callable[[float], Any]:
        """From a step to the coded table."""
        from tfcompress.rate_distortion import TransformCoder

        options = {**self.options, **changes}
        rate_weight = options.pop("rate_weight")
        coder = TransformCoder(self.floats, self._counts, **options)
        return lambda step: coder.encode(step, rate_weight)

    def at(self, ratio: float, **changes: Any) -> tuple[float, Any]:
        """The step that makes the table so many times smaller, by bisection, and what it gives."""
        encode = self.encoder(**changes)
        low, high = 1 / 16, 16.0
        while high / low > 1.004:
            step = (low * high) ** 0.5
            coded = encode(step)
            if self.floats.nbytes / coded.nbytes < ratio:
                low = step
            else:
                high = step
        return step, coded


def context_entropy(coded: Any, *, of_rows: bool = True, of_columns: bool = True) -> float:
    """Bytes of the integers at the frequencies of each context of mode `rate`.

    Without the classes of rows, or of columns, contexts that only these tell apart are one.
    """
    from tfcompress.codec import rate
    from tfcompress.codec.source import as_source
    from tfcompress.native import _native
    from tfcompress.rate_distortion.transformed_table import row_bands

    rows = len(coded.integers)
    source = as_source(coded.integers)
    coder = rate.plan(source, lambda _: None, row_classes=row_bands(coded.class_starts, rows))
    segment = np.searchsorted(coder.segment_starts, np.arange(rows), side="right") - 1
    row_class = (coder.segment_class[segment] + coder.row_class) * np.uint8(of_rows)
    column_class = coder.column_class * np.uint8(of_columns)
    values, _ = source.split(0, rows)
    counts = _native.count_contexts(values, row_class, column_class, len(coder.bounds))

    def bits(own: np.ndarray) -> float:
        found = own[own > 0]
        return float(found @ np.log2(found.sum() / found))

    classes = bits(np.bincount(coder.row_class))  # coded with the row
    return (classes + sum(map(bits, counts))) / 8


def curve(table: Table, ratios: list[float]) -> Iterator[str]:
    yield (
        "| step | bytes | times smaller | without rotation's bytes | over entropy | valid | test |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for ratio in ratios:
        step, coded = table.at(ratio)
        folded = coded.nbytes - (0 if coded.rotation is None else coded.rotation.nbytes)
        over = 100 * (coded.pack().nbytes / context_entropy(coded) - 1)
        valid, test = table.losses(coded)
        yield (
            f"| {step:.2f} | {coded.nbytes:,} | {table.floats.nbytes / coded.nbytes:.1f}x "
            f"| {table.floats.nbytes / folded:.1f}x | {over:.1f} % "
            f"| {valid:+.2f} % | {test:+.2f} % |"
        )


def ways(options: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What each way changes of all parts together."""
    nothing = {key: value for part in PARTS.values() for key, value in part.items()}
    result: dict[str, dict[str, Any]] = {"nothing": nothing}
    for name, off in PARTS.items():
        kept = {key: options[key] for key in off}
        if name == "metric":
            kept["rotation"] = options["rotation"]
        elif name == "rotation":
            kept["metric"] = None
        result[f"{name} alone"] = nothing | kept
    return result | {f"all but {name}": off for name, off in PARTS.items()} | {"all": {}}


def ablation(tables: list[Table], ratio: float) -> Iterator[str]:
    names = [f"{split} {k + 1}" for k in range(len(tables)) for split in ("valid", "test")]
    yield f"| parts | bytes | {' | '.join(names)} | mean of valid | mean of test |"
    yield "| --- " * (len(names) + 4) + "|"
    for name in ways(tables[0].options):
        found = []
        for table in tables:
            coded = table.at(ratio, **ways(table.options)[name])[1]
            found.append((coded.nbytes, *table.losses(coded)))
        sizes, losses = np.array(found)[:, 0], np.array(found)[:, 1:]
        shown = " | ".join(f"{loss:+.2f} %" for loss in [*losses.ravel(), *losses.mean(axis=0)])
        yield f"| {name} | {sizes.mean():,.0f} | {shown} |"


def packings(table: Table, ratio: float) -> Iterator[str]:
    from tfcompress.codec import pack

    _, coded = table.at(ratio)
    yield "| the same integers | bytes |"
    yield "| --- | --- |"
    for name, kinds in CONTEXTS.items():
        yield f"| entropy, {name} | {context_entropy(coded, **kinds):,.0f} |"
    for mode in ("indexed", "context"):
        yield f"| mode {mode} | {pack(coded.integers, mode).nbytes:,} |"
    yield f"| mode rate, by row classes | {coded.pack().nbytes:,} |"


def show(lines: Iterator[str]) -> None:
    for line in lines:
        print(line, flush=True)
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--data")
    parser.add_argument("--ratios", type=float, nargs="+", default=[40, 60, 85, 115, 150])
    parser.add_argument("--at", type=float, default=85)
    parser.add_argument("--row-step-exponent", type=float, default=0.5)
    parser.add_argument("--rare-shrinkage", type=float, default=3.0)
    parser.add_argument("--rate-weight", type=float, default=0.15)
    given = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    options = {
        "rotation": "principal_axes",
        "row_step_exponent": given.row_step_exponent,
        "rare_shrinkage": given.rare_shrinkage,
        "rate_weight": given.rate_weight,
    }
    tables = [Table(run, given.data, options) for run in given.runs]
    for run, table in zip(given.runs, tables, strict=True):
        print(f"{run.name}: {table.floats.shape[0]:,} x {table.floats.shape[1]}\n")
        show(curve(table, given.ratios))
        show(packings(table, given.at))
    show(ablation(tables, given.at))


if __name__ == "__main__":
    main()
