"""A sweep as one HTML page: no file beside it, no network, readable without JavaScript."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from tfcompress.report.cells import COLUMNS, cell_texts, tip_text
from tfcompress.report.points import Panel, Point
from tfcompress.report.scatter import Axis, scatter
from tfcompress.report.sweep import SweepReport
from tfcompress.report.winners import (
    Winner,
    best_at_each_size,
    pareto_front,
    smallest_at_each_loss,
)

_HERE = Path(__file__).parent

_KEY = """<div class="key">
<span><svg viewBox="0 0 26 12"><path class="front ours" d="M0 6H26"/><g class="mark"><circle cx="13"
cy="6" r="5"/></g></svg> ours, and its Pareto front</span>
<span><svg viewBox="0 0 26 12"><path class="front peer" d="M0 6H26"/><g class="mark"><rect x="8"
y="1" width="10" height="10"/></g></svg> what people use today, and its front</span>
<span><svg viewBox="0 0 26 12"><g class="mark reference"><path d="M13 0l6 6l-6 6l-6 -6z"/></g></svg>
full float32 table</span>
<span>bars: one standard deviation over seeds</span>
</div>"""


def to_html(report: SweepReport) -> str:
    """The page.

    Args:
        report: SweepReport.
    """
    style, script = ((_HERE / name).read_text("utf-8") for name in ("page.css", "page.js"))
    panels = report.panels
    links = [f'<a href="#p{k}">{escape(panel.title)}</a>' for k, panel in enumerate(panels)]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        # An icon of its own, or the browser asks a server for one.
        '<link rel="icon" href="data:,">',
        f"<title>{escape(report.title)}</title><style>{style}</style></head><body>",
        f"<h1>{escape(report.title)}</h1>",
        f'<p class="note">{escape(report.summary)}</p>',
        f"<nav>{''.join(links)}</nav>" if len(links) > 1 else "",
        *(_section(k, panel) for k, panel in enumerate(panels)),
        _failures(report.failures),
        "<h2>Notes</h2><ul class='note'>",
        *(f"<li>{escape(note)}</li>" for note in (*report.notes, *report.measured)),
        "</ul>",
        f'<div id="tip" hidden></div><script>{script}</script></body></html>',
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _section(number: int, panel: Panel) -> str:
    fronts = {
        "peer": pareto_front(point for point in panel.points if not point.ours),
        "ours": pareto_front(point for point in panel.points if point.ours),
    }
    quality = Axis(
        panel.quality_name,
        lambda point: point.quality,
        lambda value: f"{value:g}",
        lambda point: point.quality_sd,
    )
    batches = sorted({batch for point in panel.points for batch in point.latency})
    latency = [
        Axis(
            f"µs of one invocation, batch {batch}",
            lambda point, batch=batch: point.latency.get(batch),  # type: ignore[misc]
            lambda value: f"{value:,.10g}",
            logarithmic=True,
        )
        for batch in batches[:1]
    ]
    plots = [scatter(panel.points, quality, fronts)]
    plots += [scatter(panel.points, axis, {}) for axis in latency]
    parts = [
        f'<section><h2 id="p{number}">{escape(panel.title)}</h2>',
        f'<p class="note">{escape(panel.quality_name)} {escape(panel.conditions)}.</p>',
        _KEY,
        f'<div class="plots">{"".join(f"<figure>{plot}</figure>" for plot in plots)}</div>',
        _winners("What won at each size", best_at_each_size(panel)),
        _winners("How small at each loss", smallest_at_each_loss(panel)),
        _winners(
            "How small a whole file at each loss", smallest_at_each_loss(panel, size="file_bytes")
        ),
        "<h3>Everything</h3>",
        '<input type="search" placeholder="Filter, such as: memcom int8" '
        'aria-label="Filter the table and the plots">',
        _table(panel, {id(point) for front in fronts.values() for point in front}),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _table(panel: Panel, front: set[int]) -> str:
    heads = "".join(
        f'<th scope="col"{" class=text" * (number < 2)}>'
        f"<button>{escape(column.head(panel))}</button></th>"
        for number, column in enumerate(COLUMNS)
    )
    rows = []
    for number, point in enumerate(panel.points):
        star = ' <span title="on a Pareto front">★</span>' if id(point) in front else ""
        cells = [f"<td>{escape(point.label)}{star}</td>"]
        cells.append(f'<td class="text">{_who(point)}</td>')
        for column in COLUMNS[2:]:
            value = column.value(point)
            number_text = "" if value is None else f"{value:.9g}"
            cells.append(f'<td data-v="{number_text}">{escape(column.text(point))}</td>')
        tip = escape(tip_text(panel, point))
        rows.append(f'<tr data-point="{number}" data-tip="{tip}">{"".join(cells)}</tr>')
    return (
        f'<div class="scroll all"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _winners(title: str, winners: Sequence[Winner]) -> str:
    if not winners:
        return ""
    rows = []
    for winner in winners:
        cells = [f"<td>{escape(winner.condition)}</td>"]
        for point in (winner.ours, winner.peer):
            texts = (
                ["-", "", "", ""]
                if point is None
                else cell_texts(point, winner.size or "table_bytes")
            )
            won = " win" if point is not None and point is winner.best else ""
            cells += [f'<td class="text{won}">{escape(texts[0])}</td>']
            cells += [f"<td>{escape(text)}</td>" for text in texts[1:]]
        cells += [f"<td>{escape(winner.smaller_text)}</td>"] * (winner.size is not None)
        rows.append(f"<tr>{''.join(cells)}</tr>")
    sides = "".join(
        f'<th class="text">{side}</th><th>bytes</th><th>quality</th><th>change</th>'
        for side in ("best of ours", "best of what people use today")
    )
    last = "<th>peer over ours, bytes</th>" * (winners[0].size is not None)
    what = "whole file" if winners[0].size == "file_bytes" else "tables"
    head = f"<tr><th>{what}</th>{sides}{last}</tr>"
    return (
        f"<h3>{escape(title)}</h3><div class='scroll'><table><thead>{head}</thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _who(point: Point) -> str:
    if point.ours:
        return '<span class="who ours">ours</span>'
    return f'<span class="who" title="{escape(point.how)}">peer</span>'


def _failures(failures: Sequence[tuple[str, str]]) -> str:
    if not failures:
        return ""
    rows = "".join(
        f'<tr><td>{escape(title)}</td><td class="error">{escape(error)}</td></tr>'
        for title, error in failures
    )
    return (
        f"<h2>Failed</h2><div class='scroll'><table><thead><tr><th>run</th>"
        f'<th class="text">error</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )
