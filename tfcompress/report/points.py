"""The rows of a sweep as points: one for every way to make a file, its seeds together.

Points that can be compared (same data, same model, same training settings) share a panel.
"""

import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfcompress.measure.labels import short_names
from tfcompress.peers import PEERS
from tfcompress.sweep.artefact import PLAIN, Artefact
from tfcompress.sweep.results import DONE, Row, artefact_of

QUALITIES = {"ndcg@10": "nDCG@10", "accuracy": "accuracy"}
"""The number that stands for quality, by its key: what a reader calls it."""

_OF_A_POINT = {"embedding", "ratio", "seed", "learning_rate"}
"""The settings of a training that differ inside a panel."""


@dataclass(frozen=True)
class Point:
    """A way to make a file, over its seeds.

    Attributes:
        label: str. "qr 16x int8".
        ours: bool. Whether it is made by this package's conversion; a peer otherwise.
        is_reference: bool. Whether it is the full float32 table.
        how: str. A word about a peer; empty for ours.
        seeds: tuple of int.
        quality: float. Mean over the seeds.
        quality_sd: float or None. Sample standard deviation, of two seeds or more.
        change: float or None. Relative change of quality against the reference, over the seeds that
            both have; None without a reference.
        comparable: float. What points are compared by, so that lucky seeds give no advantage: the
            quality of the reference with this change; without a change, the mean.
        table_bytes: int. The largest of the seeds, as the next one.
        file_bytes: int.
        ratio: float. Plain float32 tables over these.
        latency: dict of batch size to mean of the medians, in microseconds.
        memory: float or None. Mean peak in bytes.
        learning_rate: float. The one that validated best.
        file: str. The .tflite of the first seed, in the folder of the sweep.
    """

    label: str
    ours: bool
    is_reference: bool
    how: str
    seeds: tuple[int, ...]
    quality: float
    quality_sd: float | None
    change: float | None
    comparable: float
    table_bytes: int
    file_bytes: int
    ratio: float
    latency: dict[int, float]
    memory: float | None
    learning_rate: float
    file: str


@dataclass(frozen=True)
class Panel:
    """What can be compared.

    Attributes:
        title: str. The data, and what tells it from other panels.
        quality_name: str. "nDCG@10".
        conditions: str. What the quality stands for.
        points: tuple of Point, smallest tables first.
    """

    title: str
    quality_name: str
    conditions: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class _Run:
    """A finished row."""

    artefact: Artefact
    row: Row

    @property
    def seed(self) -> int:
        return self.artefact.training.config.seed

    @property
    def learning_rate(self) -> float:
        return self.artefact.training.config.learning_rate

    @property
    def quality_key(self) -> str:
        return next(key for key in QUALITIES if key in self.row["measurement"]["quality"])

    @property
    def quality(self) -> float:
        return float(self.row["measurement"]["quality"][self.quality_key])

    @property
    def validation(self) -> float:
        return float((self.row["valid"] or {}).get(self.quality_key, 0.0))


def panels(rows: Iterable[Row]) -> list[Panel]:
    """The finished rows of a sweep, as points.

    Args:
        rows: iterable of dict. See `tfcompress.sweep.results`; failed ones are passed over.

    Raises:
        DataError: a row is none that this version knows.
    """
    runs = [_Run(artefact_of(row), row) for row in rows if row["status"] == DONE]
    groups = _grouped(runs, _panel_key)
    titles = _titles([group[0].artefact for group in groups])
    return [_panel(title, group) for title, group in zip(titles, groups, strict=True)]


def _grouped(runs: Iterable[_Run], key: Callable[[_Run], Any]) -> list[list[_Run]]:
    groups: dict[Any, list[_Run]] = {}
    for run in runs:
        groups.setdefault(key(run), []).append(run)
    return list(groups.values())


def _panel_settings(artefact: Artefact) -> dict[str, Any]:
    settings = artefact.training.config.model_dump(mode="json", exclude=_OF_A_POINT)
    return settings | {"backend": artefact.training.backend}


def _panel_key(run: _Run) -> str:
    return json.dumps(_panel_settings(run.artefact), sort_keys=True)


def _titles(artefacts: Sequence[Artefact]) -> list[str]:
    """The data of each, whether tied, and the settings that they do not all have in common."""
    settings = [_panel_settings(artefact) for artefact in artefacts]
    names = short_names([Path(artefact.training.config.data.source) for artefact in artefacts])
    titles = []
    for artefact, name, mine in zip(artefacts, names, settings, strict=True):
        config = artefact.training.config
        alike = [other for other in settings if other["data"] == mine["data"]]
        different = [
            f"{key} {mine[key]}"
            for key in mine
            if key not in ("data", "tie") and any(o[key] != mine[key] for o in alike)
        ]
        tied = [] if config.model == "text-classifier" else ["tied" if config.tie else "untied"]
        titles.append(", ".join([name, *tied, *different]))
    return titles


def _panel(title: str, runs: list[_Run]) -> Panel:
    ways = [_best_rate(group) for group in _grouped(runs, _way)]
    plain = next((runs for runs in ways if _is_reference(runs[0].artefact)), None)
    points = [_point(group, plain) for group in ways]
    points.sort(key=lambda point: (point.table_bytes, -point.quality))
    name = QUALITIES[runs[0].quality_key]
    return Panel(title, name, _conditions(runs[0].row["measurement"]["quality"]), tuple(points))


def _conditions(quality: dict[str, Any]) -> str:
    if "users" not in quality:
        return "of the test split, measured on the .tflite"
    seen = "seen items left out" if quality["history_masked"] else "seen items ranked too"
    return (
        f"of {quality['users']:,} test users, whole catalogue ranked, {seen}; measured on the "
        ".tflite"
    )


def _way(run: _Run) -> str:
    content = run.artefact.model_dump(mode="json", exclude={"training", "measured"})
    config = run.artefact.training.config
    return json.dumps([content, config.embedding, config.ratio], sort_keys=True)


def _best_rate(runs: list[_Run]) -> list[_Run]:
    """The runs of the learning rate that validates best, one a seed (the latest), by seed."""
    rates = _grouped(runs, lambda run: run.learning_rate)
    best = max(rates, key=lambda runs: statistics.fmean(run.validation for run in runs))
    latest = {run.seed: run for run in best}
    return [latest[seed] for seed in sorted(latest)]


def _is_reference(artefact: Artefact) -> bool:
    return artefact.method == PLAIN and artefact.training.config.embedding == "full"


def _point(runs: list[_Run], plain: list[_Run] | None) -> Point:
    artefact = runs[0].artefact
    measured = [run.row["measurement"] for run in runs]
    qualities = [run.quality for run in runs]
    peaks = [peak for one in measured if (peak := _peak(one["memory_bytes"])) is not None]
    batches = {int(batch) for one in measured for batch in one["latency_us"]}
    mean = _mean_quality(runs)
    change = None if plain is None else _change(runs, plain)
    largest = max(measured, key=lambda one: one["bytes"]["tables"])
    return Point(
        label=artefact.label,
        ours=artefact.method not in PEERS,
        is_reference=_is_reference(artefact),
        how=PEERS[artefact.method].description if artefact.method in PEERS else "",
        seeds=tuple(run.seed for run in runs),
        quality=mean,
        quality_sd=statistics.stdev(qualities) if len(qualities) > 1 else None,
        change=change,
        comparable=(
            mean if plain is None or change is None else _mean_quality(plain) * (1 + change)
        ),
        table_bytes=largest["bytes"]["tables"],
        file_bytes=max(one["file_bytes"] for one in measured),
        ratio=largest["ratio"]["table"],
        latency={
            batch: statistics.fmean(
                one["latency_us"][str(batch)]["p50"]
                for one in measured
                if str(batch) in one["latency_us"]
            )
            for batch in sorted(batches)
        },
        memory=statistics.fmean(peaks) if peaks else None,
        learning_rate=runs[0].learning_rate,
        file=runs[0].row["file"],
    )


def _mean_quality(runs: list[_Run]) -> float:
    return statistics.fmean(run.quality for run in runs)


def _change(runs: list[_Run], plain: list[_Run]) -> float | None:
    theirs = {run.seed: run.quality for run in plain}
    common = [(run.quality, theirs[run.seed]) for run in runs if run.seed in theirs]
    if not common or not (total := sum(their for _, their in common)):
        return None
    return sum(mine for mine, _ in common) / total - 1


def _peak(memory: dict[str, int | None]) -> int | None:
    anonymous, file = memory["peak_anonymous"], memory["peak_file"]
    return None if anonymous is None or file is None else anonymous + file
