"""A sweep as Markdown: the fronts and what won, for a README."""

from collections.abc import Iterable, Sequence

from tfcompress.report.cells import COLUMNS, cell_texts
from tfcompress.report.points import Panel, Point
from tfcompress.report.sweep import SweepReport
from tfcompress.report.winners import Winner, best_at_each_size, pareto_front, smallest_at_each_loss


def sweep_to_markdown(report: SweepReport, picture: str | None = None) -> str:
    """The report as Markdown.

    Args:
        report: SweepReport.
        picture: str or None. What the PNG is called, to be shown first.
    """
    lines = [f"![quality and latency against the bytes of the tables]({picture})"] * bool(picture)
    for panel in report.panels:
        lines += [f"### {panel.title}", f"{panel.quality_name} {panel.conditions}.", ""]
        for title, winners in (
            ("tables", best_at_each_size(panel)),
            ("loss", smallest_at_each_loss(panel)),
        ):
            lines += [*_winners(title, winners), ""] if winners else []
        lines += [*_points(panel), ""]
    if report.failures:
        lines += ["Failed:", *(f"- {title}: {error}" for title, error in report.failures), ""]
    return "\n".join([*lines, *(f"- {note}" for note in report.notes)]) + "\n"


def _points(panel: Panel) -> list[str]:
    """The points of both Pareto fronts, and the reference."""
    ours = pareto_front(point for point in panel.points if point.ours)
    peers = pareto_front(point for point in panel.points if not point.ours)
    shown = {id(point) for point in [*ours, *peers]}
    points = [point for point in panel.points if id(point) in shown or point.is_reference]
    rows = [[column.text(point) for column in COLUMNS] for point in points]
    return _table([column.head(panel) for column in COLUMNS], rows, texts=2)


def _winners(title: str, winners: Sequence[Winner]) -> list[str]:
    heads = [title, "best of ours", "bytes", "quality", "change"]
    heads += ["best peer", "bytes", "quality", "change"]
    heads += ["peer over ours"] * winners[0].by_size
    rows = [
        [
            *(winner.condition, *_cells(winner.ours), *_cells(winner.peer)),
            *[winner.smaller_text] * winner.by_size,
        ]
        for winner in winners
    ]
    return _table(heads, rows, texts=2)


def _cells(point: Point | None) -> list[str]:
    return ["-"] * 4 if point is None else cell_texts(point)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int) -> list[str]:
    rule = ["---" if k < texts else "---:" for k in range(len(heads))]
    return [f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows)]
