"""The columns of a sweep's table, for the page and for Markdown."""

from collections.abc import Callable
from dataclasses import dataclass

from tfcompress.report.points import Panel, Point
from tfcompress.report.text import MISSING, bytes_text, ratio_text, time_text


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        head: callable. Its head, for a panel.
        text: callable. A point's cell.
        value: callable. What it is sorted by; None where nothing was measured.
    """

    head: Callable[[Panel], str]
    text: Callable[[Point], str]
    value: Callable[[Point], float | None] = lambda point: None


def count_text(count: int) -> str:
    """An exact number of bytes: "88,021"."""
    return f"{count:,}"


def change_text(point: Point) -> str:
    """The relative change of quality: "-2.4 %"; "reference" where it is measured against."""
    if point.is_reference:
        return "reference"
    return MISSING if point.change is None else f"{100 * point.change:+.1f} %"


def quality_text(point: Point) -> str:
    """Mean and standard deviation: "0.0485 ± 0.0011"."""
    spread = "" if point.quality_sd is None else f" ± {point.quality_sd:.4f}"
    return f"{point.quality:.4f}{spread}"


def _latency(batch: int) -> Column:
    return Column(
        lambda panel: f"µs, batch {batch}",
        lambda point: time_text(point.latency.get(batch)),
        lambda point: point.latency.get(batch),
    )


COLUMNS = (
    Column(lambda panel: "embedding", lambda point: point.label),
    Column(lambda panel: "whose", lambda point: "ours" if point.ours else "peer"),
    Column(
        lambda panel: "table bytes",
        lambda point: count_text(point.table_bytes),
        lambda point: point.table_bytes,
    ),
    Column(lambda panel: "ratio", lambda p: ratio_text(p.ratio), lambda point: point.ratio),
    Column(
        lambda panel: "file bytes",
        lambda point: count_text(point.file_bytes),
        lambda point: point.file_bytes,
    ),
    Column(lambda panel: panel.quality_name, quality_text, lambda point: point.quality),
    Column(lambda panel: "change", change_text, lambda p: 0.0 if p.is_reference else p.change),
    _latency(1),
    _latency(32),
    Column(
        lambda panel: "memory",
        lambda point: bytes_text(None if point.memory is None else round(point.memory)),
        lambda point: point.memory,
    ),
    Column(
        lambda panel: "seeds", lambda point: str(len(point.seeds)), lambda point: len(point.seeds)
    ),
)


def cell_texts(point: Point, size: str = "table_bytes") -> list[str]:
    """Label, bytes, quality and change: what a table of winners shows of a point."""
    size_text = count_text(getattr(point, size))
    return [point.label, size_text, quality_text(point), change_text(point)]


def tip_text(panel: Panel, point: Point) -> str:
    """All of a point, a line for each column."""
    lines = [point.label, f"{'ours' if point.ours else point.how}"]
    lines += [f"{column.head(panel)}: {column.text(point)}" for column in COLUMNS[2:]]
    return "\n".join([*lines, f"learning rate {point.learning_rate:g}", point.file])
