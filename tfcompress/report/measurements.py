"""Measurements side by side: a table for the terminal, Markdown, CSV and JSON.

The first file is the reference that the loss of quality is taken against. A value that was not
measured is a dash, and a note below says why.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfcompress.report.text import MISSING, bytes_text, machine_text, ratio_text, time_text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from tfcompress.measure.measurement import Measurement

# What names are folded to at least, and what is between two columns of the table in a terminal.
_NAME_WIDTH = 8
_GAP = 2
# A relative loss of nDCG smaller than this is within the noise of one training: over three seeds
# the full table of amazon_games_seq had a standard deviation of 2 %.
_NOISE = 0.03


def table(measurements: Sequence[Measurement]) -> RenderableType:
    """The comparison for `rich.console.Console.print`.

    It takes the width it is given: one line per file where all columns fit, and two lines, with
    the values of a pair one above the other, where they do not. Where these do not fit either, it
    takes more (`print(table, crop=False)` leaves the wrapping to the terminal).

    Args:
        measurements: sequence of Measurement. The first one is the reference.

    Returns:
        A renderable: table, notes, and what it was measured on.
    """
    return _Comparison(tuple(measurements))


@dataclass(frozen=True)
class _Comparison:
    measurements: tuple[Measurement, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        names = [_short_name(measurement) for measurement in self.measurements]
        groups = _columns(self.measurements)
        single = [[column] for group in groups for column in group]
        wide = _width(names, single) <= options.max_width
        groups = single if wide else groups
        grid = Table(
            box=box.SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            pad_edge=False,
            show_edge=False,
            header_style="bold",
        )
        least = _width([name[:_NAME_WIDTH] for name in names], groups)
        if least > options.max_width:
            grid.width = least
        grid.add_column("model", style="bold cyan", overflow="fold")
        for group in groups:
            head = Text("\n").join(Text(column.head) for column in group)
            grid.add_column(head, justify="right", no_wrap=True)
        for row, name in enumerate(names):
            if row and not wide:
                grid.add_row()
            cells = [
                Text("\n").join(Text(column.cells[row], column.styles[row]) for column in group)
                for group in groups
            ]
            grid.add_row(name, *cells)
        yield grid
        yield Text()
        for line in notes(self.measurements):
            yield Text(line, style="dim")


def to_markdown(measurements: Sequence[Measurement]) -> str:
    """The comparison as a Markdown table, with the notes as a list below."""
    columns = [column for group in _columns(measurements) for column in group]
    rows = [
        ["model", *(column.head for column in columns)],
        ["---", *("---:" for _ in columns)],
        *(
            [measurement.file.replace("|", "\\|"), *(column.cells[row] for column in columns)]
            for row, measurement in enumerate(measurements)
        ),
    ]
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes(measurements))]) + "\n"


def to_json(measurements: Sequence[Measurement]) -> str:
    """The list that `--json` writes: one object per file, see `tfcompress.measure.measurement`."""
    return json.dumps([measurement.to_json() for measurement in measurements], indent=2) + "\n"


def to_csv(measurements: Sequence[Measurement]) -> str:
    """One row per file; nested keys are joined by a dot, an empty field was not measured."""
    rows = []
    for measurement in measurements:
        content = measurement.to_json()
        del content["tables"], content["environment"]
        rows.append(_flatten(content))
    heads = list(dict.fromkeys(head for row in rows for head in row))
    # An object that is missing in one file is a null there and several columns in another.
    heads = [head for head in heads if not any(other.startswith(f"{head}.") for other in heads)]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, heads, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def notes(measurements: Sequence[Measurement]) -> list[str]:
    """What a reader must know beside the numbers, one line each."""
    lines = []
    for kind in ("data", "quality", "latency", "memory"):
        by_reason: dict[str, list[str]] = {}
        for measurement in measurements:
            if kind in measurement.notes:
                by_reason.setdefault(measurement.notes[kind], []).append(measurement.file)
        for reason, files in by_reason.items():
            whose = "" if len(files) == len(measurements) else f" of {', '.join(files)}"
            lines.append(f"{kind}{whose}: {reason}")
    lines.append("ratio: how many times larger it is with plain float32 tables")
    lines += _quality_notes(measurements)
    if any(measurement.latency for measurement in measurements):
        lines.append("latency: median µs of one invocation by batch, one thread, files in turns")
    if any(measurement.memory.peak is not None for measurement in measurements):
        lines.append(
            "memory: peak while every row is read once, mapped file and anonymous together"
        )
    if measurements:
        lines.append(machine_text(measurements[0].environment, left_out=["numpy"]))
    return lines


@dataclass(frozen=True)
class _Column:
    """A head and one cell per measurement, with the style each has in a terminal."""

    head: str
    cells: list[str]
    styles: list[str]


def _column(
    head: str, cells: list[str], style: str = "", styles: list[str] | None = None
) -> _Column:
    return _Column(head, cells, styles or [style] * len(cells))


def _columns(measurements: Sequence[Measurement]) -> list[list[_Column]]:
    """The columns in pairs that belong together."""
    sizes = [measurement.size for measurement in measurements]
    groups = [
        [
            _column("file", [bytes_text(size.file_bytes) for size in sizes]),
            _column("ratio", [ratio_text(size.file_ratio) for size in sizes], "dim"),
        ],
        [
            _column("tables", [bytes_text(size.table_bytes or None) for size in sizes]),
            _column("ratio", [ratio_text(size.table_ratio) for size in sizes], "bold"),
        ],
    ]
    groups += [_quality_columns(measurements, name) for name in _quality_names(measurements)]
    batches = sorted({batch for measurement in measurements for batch in measurement.latency})
    for place in range(0, len(batches), 2):
        groups.append(
            [_latency_column(measurements, batch) for batch in batches[place : place + 2]]
        )
    peaks = [measurement.memory.peak for measurement in measurements]
    if any(peak is not None for peak in peaks):
        anonymous = [measurement.memory.peak_anonymous for measurement in measurements]
        groups.append(
            [
                _column("memory", [bytes_text(peak) for peak in peaks]),
                _column("anonymous", [bytes_text(count) for count in anonymous], "dim"),
            ]
        )
    return groups


def _short_name(measurement: Measurement) -> str:
    return measurement.file.removesuffix(".tflite")


def _width(names: Sequence[str], groups: Sequence[Sequence[_Column]]) -> int:
    """Characters a line takes when nothing is wrapped."""
    first = max(map(len, ["model", *names]))
    return first + sum(
        _GAP + max(len(text) for column in group for text in [column.head, *column.cells])
        for group in groups
    )


def _latency_column(measurements: Sequence[Measurement], batch: int) -> _Column:
    times = [m.latency[batch].p50 if batch in m.latency else None for m in measurements]
    return _column(f"µs b{batch}", [time_text(time) for time in times])


def _loss_style(loss: float | None) -> str:
    if loss is None:
        return "dim"
    return "red" if loss < -_NOISE else "green"


def _quality_names(measurements: Sequence[Measurement]) -> list[str]:
    """The numbers that stand for quality, each once: "nDCG@10", "accuracy"."""
    return list(dict.fromkeys(m.quality.headline[0] for m in measurements if m.quality))


def _values(measurements: Sequence[Measurement], name: str) -> list[float | None]:
    headlines = [m.quality.headline if m.quality else None for m in measurements]
    return [line[1] if line and line[0] == name else None for line in headlines]


def _quality_columns(measurements: Sequence[Measurement], name: str) -> list[_Column]:
    values = _values(measurements, name)
    losses = _losses(values)
    return [
        _column(name, [MISSING if v is None else f"{v:.4f}" for v in values], "bold"),
        _column(
            "change",
            [MISSING if loss is None else f"{100 * loss:+.1f} %" for loss in losses],
            styles=[_loss_style(loss) for loss in losses],
        ),
    ]


def _losses(values: Sequence[float | None]) -> list[float | None]:
    """Relative change against the first file; None for the reference itself."""
    reference = values[0]
    if not reference:
        return [None] * len(values)
    return [None, *(None if value is None else value / reference - 1 for value in values[1:])]


def _quality_notes(measurements: Sequence[Measurement]) -> list[str]:
    lines: dict[str, None] = {}
    for measurement in measurements:
        quality = measurement.quality
        if quality is None:
            continue
        lines[f"quality: {quality.conditions()}"] = None
        if reservations := quality.reservations():
            lines[f"quality of {measurement.file}: {reservations}"] = None
    if len(measurements) > 1 and measurements[0].quality is not None:
        name = measurements[0].quality.headline[0].partition("@")[0]
        lines[f"change: of {name} against {_short_name(measurements[0])}"] = None
    return list(lines)


def _flatten(content: object, prefix: str = "") -> dict[str, object]:
    if not isinstance(content, dict):
        return {prefix: content}
    flat: dict[str, object] = {}
    for key, value in content.items():
        flat |= _flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return flat
