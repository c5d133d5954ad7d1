"""The picture of `tfcompress codec`: how long rows are, and what the modes make of that."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from tfcompress.codec.compare import Comparison
    from tfcompress.quantization import QuantizedTable

_OWN_CODE_ROWS = 20_000
_LEGEND_ROOM = 1.45
"""Height of the axes over that of the bars, so that the legend hides none."""


def draw(
    table: NDArray[np.int8] | NDArray[np.uint8] | QuantizedTable,
    result: Comparison,
    *,
    title: str,
) -> bytes:
    """Draws row lengths under three kinds of code, and the share that each mode saves.

    Args:
        table: int8 or uint8 array, shape `(n, D)`, or a QuantizedTable.
        result: Comparison. Of this table.
        title: str. Stands above.

    Returns:
        bytes. A PNG.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    lengths, saved = figure.subplots(1, 2, width_ratios=(3, 2))
    figure.suptitle(f"{title}: {result.rows:,} rows of {result.columns:,} values")
    integers = table if isinstance(table, np.ndarray) else table.integers
    if integers.size:
        _draw_row_lengths(lengths, integers, result)
    _draw_saved(saved, result)
    content = io.BytesIO()
    canvas.print_png(content)
    return content.getvalue()


def _draw_row_lengths(
    axes: Axes, table: NDArray[np.int8] | NDArray[np.uint8], result: Comparison
) -> None:
    from tfcompress.codec.baselines import own_code_costs
    from tfcompress.codec.worst_row.fixed_code import search_fixed_code
    from tfcompress.codec.worst_row.row_source import TableRows
    from tfcompress.prefix_codes import length_limited_lengths

    rows = TableRows(table)
    max_length = result.certificate.max_length
    symbols = np.flatnonzero(rows.totals)
    for_mean = np.zeros(256, np.int64)
    for_mean[symbols] = length_limited_lengths(rows.totals[symbols], max_length)
    sample = np.linspace(0, len(table) - 1, min(len(table), _OWN_CODE_ROWS)).astype(np.int64)
    series = {
        "each row's own code": own_code_costs(rows.counts(sample)),
        "code for the mean row (indexed)": rows.costs(for_mean),
        "code for the worst row (fixed)": rows.costs(search_fixed_code(rows, max_length)),
    }
    columns = result.columns
    edges = np.histogram_bin_edges(np.concatenate(list(series.values())) / columns, 80).tolist()
    for name, costs in series.items():
        weights = np.full(len(costs), 100 / len(costs))
        axes.hist(costs / columns, edges, weights=weights, histtype="step", label=name)
    axes.axvline(
        result.certificate.stride / columns, color="black", label="certified limit of a stride"
    )
    annealed = min(b.stride for b in result.baselines if b.name.startswith("annealed"))
    axes.axvline(annealed / columns, color="grey", linestyle=":", label="annealed 8-bit tree")
    axes.set_xlabel("bits a value, row by row")
    axes.set_ylabel("% of rows")
    axes.set_ylim(top=_LEGEND_ROOM * axes.get_ylim()[1])
    axes.legend(fontsize="small", loc="upper left")


def _draw_saved(axes: Axes, result: Comparison) -> None:
    bars = [(mode.name, mode.saved, "tab:blue") for mode in result.modes]
    bars.append(("certified stride limit", result.certificate.saved(result.columns), "black"))
    bars += [(baseline.name, baseline.saved, "tab:grey") for baseline in result.baselines]
    names, shares, colors = zip(*bars, strict=True)
    percent = [100 * share for share in shares]
    axes.barh(range(len(bars)), percent, color=colors)
    axes.set_yticks(range(len(bars)), names, fontsize="small")
    for place, value in enumerate(percent):
        at, label = (max(value, 0), place), f"{value:.1f}".replace("-0.0", "0.0")
        axes.annotate(label, at, (3, 0), textcoords="offset points", va="center", fontsize="small")
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_xlabel("% saved against 8 bits a value")
