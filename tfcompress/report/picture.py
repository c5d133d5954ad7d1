"""A sweep as a PNG: a row for each panel, quality and latency against the bytes of the tables."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from tfcompress.report.label_places import Room, place_labels
from tfcompress.report.points import Panel, Point
from tfcompress.report.scatter import bytes_tick, long_enough
from tfcompress.report.winners import pareto_front

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

_OURS, _PEER, _INK, _BAR = "#2a66c8", "#c2570c", "#1a1a19", "#999999"


def to_png(panels: tuple[Panel, ...], *, latency: bool = True) -> bytes:
    """Draws the panels.

    Args:
        panels: tuple of Panel.
        latency: bool. Whether each has a plot of its latency beside that of its quality; two
            panels share a row otherwise.

    Returns:
        bytes. The PNG.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    batches = sorted({b for panel in panels for point in panel.points for b in point.latency})
    beside = latency and bool(batches)
    columns = 1 if len(panels) == 1 and not beside else 2
    rows = len(panels) if beside else -(-len(panels) // columns)
    figure = Figure(figsize=(7.2 * columns, 4.4 * rows), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    quality = places[::columns] if beside else places[: len(panels)]
    for panel, axes in zip(panels, quality, strict=True):
        _draw_quality(axes, panel)
    if beside:
        for panel, axes in zip(panels, places[1::columns], strict=True):
            _draw_latency(axes, panel, batches[0])
    else:
        for axes in places[len(panels) :]:
            axes.set_axis_off()
    _legend(figure)
    canvas.draw()  # Now the layout is known, and with it where there is room.
    figure.set_layout_engine("none")
    for panel, axes in zip(panels, quality, strict=True):
        _label_fronts(axes, panel)
    content = io.BytesIO()
    canvas.print_png(content)
    return content.getvalue()


def _draw_quality(axes: Axes, panel: Panel) -> None:
    for ours, color, line in ((False, _PEER, "--"), (True, _OURS, "-")):
        points = [point for point in panel.points if point.ours == ours]
        front = pareto_front(points)
        axes.plot(
            [point.table_bytes for point in front],
            [point.quality for point in front],
            line,
            color=color,
            linewidth=1.3,
        )
        _marks(axes, points, [point.quality for point in points], ours=ours)
    for point in panel.points:
        if point.quality_sd:
            axes.errorbar(
                point.table_bytes,
                point.quality,
                point.quality_sd,
                color=_BAR,
                linewidth=0.8,
                zorder=1,
            )
    _finish(axes, panel.quality_name)
    axes.set_title(panel.title, loc="left", fontsize="medium")


def _legend(figure: Figure) -> None:
    """What marks, lines and bars are, once for all plots, above them."""
    from matplotlib.lines import Line2D

    kinds = {
        "ours, and its Pareto front": Line2D([], [], color=_OURS, linewidth=1.3, marker="o"),
        "what people use today, and its front": Line2D(
            [], [], color=_PEER, linewidth=1.3, linestyle="--", marker="s", markerfacecolor="white"
        ),
        "full float32 table": Line2D([], [], color=_INK, linestyle="", marker="D"),
        "one standard deviation over seeds": Line2D(
            [], [], color=_BAR, linestyle="", marker="|", markersize=12
        ),
    }
    figure.legend(
        list(kinds.values()), list(kinds), loc="outside upper left", ncols=2, frameon=False
    )


def _label_fronts(axes: Axes, panel: Panel) -> None:
    """Names of the points of both fronts, where there is room; the limits must be final."""
    to_pixels, height = axes.transData.transform, axes.figure.bbox.height
    bounds = axes.get_window_extent()

    def place(point: Point) -> tuple[float, float]:
        across, up = to_pixels((point.table_bytes, point.quality))
        return float(across), float(height - up)

    sides = [[point for point in panel.points if point.ours == ours] for ours in (False, True)]
    named = [point for side in sides for point in pareto_front(side)]
    found = place_labels(
        [(point.label, *place(point)) for point in named],
        [place(point) for point in panel.points],
        Room((bounds.x0, height - bounds.y1, bounds.x1, height - bounds.y0), 4.0, 5.4, 10.0),
    )
    for number, left, baseline in found:
        point = named[number]
        axes.annotate(
            point.label,
            (left, height - baseline),
            xycoords="figure pixels",
            fontsize=7,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.4},
            color=_INK if point.is_reference else _OURS if point.ours else _PEER,
        )


def _draw_latency(axes: Axes, panel: Panel, batch: int) -> None:
    for ours in (False, True):
        points = [p for p in panel.points if p.ours == ours and batch in p.latency]
        _marks(axes, points, [point.latency[batch] for point in points], ours=ours)
    axes.set_yscale("log")
    _finish(axes, f"µs of one invocation, batch {batch}")
    _round_ticks(axes.yaxis, "{:g}".format)


def _marks(axes: Axes, points: list[Point], values: list[float], *, ours: bool) -> None:
    sizes = [point.table_bytes for point in points]
    if ours:
        axes.plot(sizes, values, "o", color=_OURS, markersize=5)
        return
    axes.plot(sizes, values, "s", color=_PEER, markerfacecolor="white", markersize=5.5)
    for point, value in zip(points, values, strict=True):
        if point.is_reference:
            axes.plot(point.table_bytes, value, "D", color=_INK, markersize=6)


def _round_ticks(axis: Axis, text: Callable[[float], str]) -> None:
    """Ticks at 1, 2 and 5 times powers of ten only, as far apart as there is room."""
    from matplotlib.ticker import LogLocator, NullLocator

    low, high = sorted(axis.get_view_interval())
    decades = math.log10(high / low)
    axis.set_major_locator(LogLocator(subs=(1,) if decades > 4 else (1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: text(value))


def _ends(axis: Axis) -> tuple[float, float]:
    """Those of a view that is long enough."""
    low, high = sorted(axis.get_view_interval())
    if axis.get_scale() != "log":
        return long_enough(low, high, logarithmic=False)
    low, high = long_enough(math.log10(low), math.log10(high), logarithmic=True)
    return 10**low, 10**high


def _finish(axes: Axes, title: str) -> None:
    axes.set_xscale("log")
    axes.set_xlim(_ends(axes.xaxis))
    axes.set_ylim(_ends(axes.yaxis))
    _round_ticks(axes.xaxis, bytes_tick)
    axes.set_xlabel("bytes of the tables")
    axes.set_ylabel(title)
    axes.grid(color="#e3e2dd", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
