"""A sweep as Markdown: a summary for a README, and the whole of it."""

from collections.abc import Iterable, Sequence

from tfcompress.report.cells import COLUMNS, cell_texts, count_text, quality_text
from tfcompress.report.points import Panel, Point
from tfcompress.report.sweep import SweepReport
from tfcompress.report.text import MISSING
from tfcompress.report.winners import (
    BUDGETS,
    Size,
    Winner,
    best_at_each_size,
    pareto_front,
    smallest_at_each_loss,
)

SUMMARY_LOSS = 0.02
"""The relative loss that a summary asks for."""
_SUMMARY_SIZES = tuple(BUDGETS)[:3]
_HEADS = ("ours", "bytes", "change", "peer", "bytes", "change")


def sweep_to_markdown(report: SweepReport, picture: str | None = None) -> str:
    """The report as Markdown.

    Args:
        report: SweepReport.
        picture: str or None. What the PNG is called, to be shown first.
    """
    lines = [*_picture(picture), "## Summary", *_summary_tables(report.panels)]
    for panel in report.panels:
        lines += [f"## {panel.title}", f"{panel.quality_name} {panel.conditions}.", ""]
        front = _front(panel)
        lines += ["What no other file beats in both bytes and quality:", ""]
        lines += [*_points(panel, front), ""]
        for title, winners in (
            ("tables", best_at_each_size(panel)),
            ("tables", smallest_at_each_loss(panel)),
            ("whole file", smallest_at_each_loss(panel, size="file_bytes")),
        ):
            lines += [*_winners(title, winners), ""] if winners else []
        if len(front) < len(panel.points):
            lines += ["All that was measured:", "", *_points(panel, panel.points), ""]
    if report.failures:
        lines += ["Failed:", *(f"- {title}: {error}" for title, error in report.failures), ""]
    notes = (*report.notes, *report.measured)
    return "\n".join([*lines, *(f"- {note}" for note in notes)]) + "\n"


def summary_to_markdown(report: SweepReport, picture: str | None = None) -> str:
    """What a README says of a sweep: who is smallest at a loss, who is best at a size.

    Args:
        report: SweepReport.
        picture: str or None. What the PNG is called, to be shown first.
    """
    conditions: dict[str, list[str]] = {}
    for panel in report.panels:
        of = f"{panel.quality_name} {panel.conditions}"
        conditions.setdefault(of, []).append(panel.title)
    lines = [*_picture(picture), *_summary_tables(report.panels)]
    lines += [f"- {'; '.join(titles)}: {of}" for of, titles in conditions.items()]
    return "\n".join([*lines, *(f"- {note}" for note in report.notes)]) + "\n"


def _picture(name: str | None) -> list[str]:
    return [] if name is None else [f"![quality against the bytes of the tables]({name})", ""]


def _summary_tables(panels: Sequence[Panel]) -> list[str]:
    """One table for all panels at a loss, one at sizes; what wins is bold."""
    at_loss = [row for panel in panels for row in _loss_rows(panel, "table_bytes")]
    files = [row for panel in panels for row in _loss_rows(panel, "file_bytes")]
    at_size = [row for panel in panels for row in _size_rows(panel)]
    lines = []
    heads = ["data", "full float32", "quality", *_HEADS, "peer over ours"]
    for what, rows in (("tables", at_loss), ("whole files", files)):
        if rows:
            lines += [
                f"The smallest {what} of ours that lose at most {100 * SUMMARY_LOSS:g} %, and of "
                "what people use today (peers):",
                "",
                *_table(heads, rows, texts=(0, 3, 6)),
                "",
            ]
    if at_size:
        lines += [
            "The best tables of a size (bold where the difference is more than seeds make):",
            "",
            *_table(["data", "tables", *_HEADS], at_size, texts=(0, 1, 2, 5)),
            "",
        ]
    return lines


def _loss_rows(panel: Panel, size: Size) -> list[list[str]]:
    reference = next((point for point in panel.points if point.is_reference), None)
    if reference is None:
        return []
    (winner,) = smallest_at_each_loss(panel, (SUMMARY_LOSS,), size)
    full = [count_text(getattr(reference, size)), quality_text(reference)]
    return [[panel.title, *full, *_sides(winner), winner.smaller_text or MISSING]]


def _size_rows(panel: Panel) -> list[list[str]]:
    rows = [
        ["", winner.condition, *_sides(winner)]
        for winner in best_at_each_size(panel)
        if winner.condition.endswith(_SUMMARY_SIZES)
    ]
    return [[panel.title, *row[1:]] if k == 0 else row for k, row in enumerate(rows)]


def _sides(winner: Winner, *, quality: bool = False) -> list[str]:
    """Label, bytes, quality where asked for, and change, of ours and of the peer."""
    cells = []
    for point in (winner.ours, winner.peer):
        if point is None:
            cells += ["none", *[MISSING] * (2 + quality)]
            continue
        label, count, value, change = cell_texts(point, winner.size or "table_bytes")
        cells.append(f"**{label}**" if point is winner.best else label)
        cells += [count, value, change] if quality else [count, change]
    return cells


def _front(panel: Panel) -> list[Point]:
    """The points of both Pareto fronts, and the reference."""
    ours = pareto_front(point for point in panel.points if point.ours)
    peers = pareto_front(point for point in panel.points if not point.ours)
    shown = {id(point) for point in [*ours, *peers]}
    return [point for point in panel.points if id(point) in shown or point.is_reference]


def _points(panel: Panel, points: Iterable[Point]) -> list[str]:
    rows = [[column.text(point) for column in COLUMNS] for point in points]
    return _table([column.head(panel) for column in COLUMNS], rows, texts=(0, 1))


def _winners(title: str, winners: Sequence[Winner]) -> list[str]:
    heads = [title, "best of ours", "bytes", "quality", "change"]
    heads += ["best peer", "bytes", "quality", "change"]
    by_size = winners[0].size is not None
    heads += ["peer over ours"] * by_size
    rows = [
        [
            winner.condition,
            *_sides(winner, quality=True),
            *[winner.smaller_text] * by_size,
        ]
        for winner in winners
    ]
    return _table(heads, rows, texts=(0, 1, 5))


def _table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, texts: Sequence[int]
) -> list[str]:
    rule = ["---" if k in texts else "---:" for k in range(len(heads))]
    return [f"| {' | '.join(map(_escaped, cells))} |" for cells in (heads, rule, *rows)]


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
