"""Every embedding layer against the full table on real interactions, measured on the .tflite.

    python benchmarks/quality.py ../shared/data/amazon_games_seq --out runs/quality \
        [--embeddings hash memcom ...] [--ratios 4 10 16 40] [--seeds 0 1 2] \
        [--learning-rates 0.002 0.004] [--table-dtype float32]

Everything goes through the command line, as a user would do it: train (JAX), convert, measure.
Every method gets the same settings and the same tuning: each learning rate once, at the first
seed, judged on the validation split. Finished runs are kept, so an interrupted benchmark goes on
where it was. Prints a Markdown table and writes it to OUT/NAME/table.md.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FULL = "full"
# Chosen on the validation split of the full table; the same for every embedding.
SETTINGS = {
    "amazon_games_seq": ["--patience", "2"],
    "ml1m_seq": [
        *("--patience", "2", "--epochs", "7", "--history-length", "30"),
        *("--batch-size", "2048", "--num-negatives", "512"),
    ],
}
LEARNING_RATES = {"amazon_games_seq": 0.002, "ml1m_seq": 0.004}


@dataclass(frozen=True)
class Trial:
    """One training."""

    embedding: str
    ratio: float
    seed: int
    learning_rate: float

    @property
    def name(self) -> str:
        """Of its run directory."""
        return f"{self.embedding}-{self.ratio:g}x-seed{self.seed}-lr{self.learning_rate:g}"


def tfcompress(*words: object) -> subprocess.CompletedProcess[str]:
    """Runs a command; what it says of errors is kept, its progress shows."""
    command = [str(Path(sys.executable).with_name("tfcompress")), *map(str, words)]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)


class Benchmark:
    """All trials on one data set.

    Args:
        data: Path. What `tfcompress train` takes.
        out: Path. Holds the runs and files.
        table_dtype: str. Of the files.
    """

    def __init__(self, data: Path, out: Path, table_dtype: str) -> None:
        self._data, self._out, self._table_dtype = data, out / data.name, table_dtype
        self._refused: dict[tuple[str, float], str] = {}

    def validation(self, trial: Trial) -> float | None:
        """nDCG@10 on the validation split, trained if it was not yet; None where refused."""
        run = self._out / trial.name
        if not (run / "metrics.json").exists():
            words = ["--out", run, "--embedding", trial.embedding, "--seed", trial.seed]
            if trial.embedding != FULL:
                words += ["--ratio", trial.ratio]
            words += ["--learning-rate", trial.learning_rate, *SETTINGS.get(self._data.name, [])]
            done = tfcompress("train", self._data, *words, "--backend", "jax", "--resume")
            if done.returncode == 2:
                self._refused[trial.embedding, trial.ratio] = done.stderr.strip().splitlines()[-1]
                return None
            if done.returncode:
                raise SystemExit(done.stderr)
        metrics = json.loads((run / "metrics.json").read_text())
        return float(metrics["valid"]["ndcg@10"])

    def best_rate(self, embedding: str, ratio: float, seed: int, rates: list[float]) -> float:
        """The learning rate that does best on the validation split."""
        if len(rates) == 1:
            return rates[0]
        reached = {rate: self.validation(Trial(embedding, ratio, seed, rate)) for rate in rates}
        return max(rates, key=lambda rate: reached[rate] or 0.0)

    def measured(self, trials: list[Trial]) -> dict[Trial, dict[str, Any]]:
        """Size and quality of the .tflite of each trial, on the test split."""
        files = {}
        for trial in trials:
            file = self._out / f"{trial.name}-{self._table_dtype}.tflite"
            if not file.exists():
                options = ["--out", file, "--table-dtype", self._table_dtype]
                done = tfcompress("convert", self._out / trial.name, *options)
                if done.returncode:
                    raise SystemExit(done.stderr)
            files[trial] = file
        report = self._out / "measured.json"
        words = ["--data", self._data, "--skip", "latency", "--skip", "memory", "--json", report]
        done = tfcompress("measure", *files.values(), *words)
        if done.returncode:
            raise SystemExit(done.stderr)
        return dict(zip(trials, json.loads(report.read_text()), strict=True))

    def table(
        self, embeddings: list[str], ratios: list[float], seeds: list[int], rates: list[float]
    ) -> str:
        """The Markdown table of everything asked for."""
        groups: dict[tuple[str, float], list[Trial]] = {}
        for name, ratio in [(FULL, 1.0), *((e, r) for r in ratios for e in embeddings)]:
            rate = self.best_rate(name, ratio, seeds[0], rates)
            trials = [Trial(name, ratio, seed, rate) for seed in seeds]
            groups[name, ratio] = [t for t in trials if self.validation(t) is not None]
        found = self.measured([trial for trials in groups.values() for trial in trials])
        full = np.mean([_ndcg(found[trial]) for trial in groups[FULL, 1.0]])
        lines = [
            "| embedding | ratio | learning rate | nDCG@10 | sd | change | table bytes "
            "| file bytes |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        for (name, ratio), trials in groups.items():
            if not trials:
                lines.append(f"| {name} | {ratio:g}x | {self._refused[name, ratio]} |")
                continue
            values = [_ndcg(found[trial]) for trial in trials]
            spread = f"{np.std(values, ddof=1):.4f}" if len(values) > 1 else "-"
            sizes = found[trials[0]]
            lines.append(
                f"| {name} | {ratio:g}x | {trials[0].learning_rate:g} | {np.mean(values):.4f} "
                f"| {spread} | {100 * (np.mean(values) / full - 1):+.1f} % "
                f"| {sizes['bytes']['tables']:,} | {sizes['file_bytes']:,} |"
            )
        return "\n".join(lines) + "\n"


def _ndcg(measurement: dict[str, Any]) -> float:
    return float(measurement["quality"]["ndcg@10"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="such as ../shared/data/amazon_games_seq")
    parser.add_argument("--out", type=Path, default=Path("runs/quality"))
    parser.add_argument("--embeddings", nargs="+", default=["hash", "memcom"])
    parser.add_argument("--ratios", type=float, nargs="+", default=[16.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--learning-rates", type=float, nargs="+")
    parser.add_argument("--table-dtype", default="float32")
    given = parser.parse_args()
    os.environ["COLUMNS"] = "120"
    given.out.mkdir(parents=True, exist_ok=True)
    benchmark = Benchmark(given.data, given.out, given.table_dtype)
    rates = given.learning_rates or [LEARNING_RATES.get(given.data.name, 0.002)]
    table = benchmark.table(given.embeddings, given.ratios, given.seeds, rates)
    (given.out / given.data.name / "table.md").write_text(table)
    print(table)


if __name__ == "__main__":
    main()
