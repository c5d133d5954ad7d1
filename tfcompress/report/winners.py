"""What won: the Pareto front, the best at each size, the smallest at each loss."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from tfcompress.pareto import unbeaten
from tfcompress.report.points import Panel, Point
from tfcompress.report.text import ratio_text

BUDGETS = {"1 MB": 1_000_000, "300 KB": 300_000, "100 KB": 100_000, "30 KB": 30_000}
"""Bytes of tables that a user may have to spare."""
Size = Literal["table_bytes", "file_bytes"]
"""Of a `Point`: what is to be small."""
LOSSES = (0.005, 0.02, 0.05)
"""Relative losses of quality that a user may bear."""
_USUAL_SPREAD = 0.02
"""Relative standard deviation of nDCG over seeds: 2 % for the full table of amazon_games_seq."""


@dataclass(frozen=True)
class Winner:
    """A condition, and who meets it best.

    Attributes:
        condition: str. "at most 100 KB", "loses at most 2 %".
        ours: Point or None.
        peer: Point or None.
        size: str or None. What the smaller of wins; None where the better one does.
    """

    condition: str
    ours: Point | None
    peer: Point | None
    size: Size | None = None

    @property
    def best(self) -> Point | None:
        """The one that wins: the smaller by size, else the better.

        None for a draw: of qualities, when they differ by no more than seeds do.
        """
        if self.ours is None or self.peer is None:
            return self.ours or self.peer
        if self.size is not None:
            margin = float(getattr(self.peer, self.size) - getattr(self.ours, self.size))
            noise = 0.0
        else:
            margin = self.ours.comparable - self.peer.comparable
            noise = max(_spread(self.ours), _spread(self.peer))
        if margin == 0 or abs(margin) < noise:
            return None
        return self.ours if margin > 0 else self.peer

    @property
    def smaller_text(self) -> str:
        """The peer's bytes over ours: "3.4x"; empty where the better one wins."""
        if self.ours is None or self.peer is None or self.size is None:
            return ""
        return ratio_text(getattr(self.peer, self.size) / getattr(self.ours, self.size))


def pareto_front(points: Iterable[Point]) -> list[Point]:
    """The points that no other one beats in table bytes and comparable quality, smallest first."""
    return unbeaten(points, lambda point: point.table_bytes, lambda point: point.comparable)


def best_at_each_size(panel: Panel) -> list[Winner]:
    """The best of ours and the best peer whose tables fit, for budgets that say something."""
    ours, peers = _sides(panel)
    smallest = min(point.table_bytes for point in panel.points)
    largest = max(point.table_bytes for point in panel.points)
    return [
        Winner(f"at most {name}", _best(ours, budget), _best(peers, budget))
        for name, budget in BUDGETS.items()
        if smallest <= budget < largest
    ]


def smallest_at_each_loss(
    panel: Panel, losses: Sequence[float] = LOSSES, size: Size = "table_bytes"
) -> list[Winner]:
    """The smallest of ours and the smallest peer that lose no more; none without a reference."""
    if not any(point.is_reference for point in panel.points):
        return []
    ours, peers = _sides(panel)
    return [
        Winner(
            f"loses at most {100 * loss:g} %",
            _smallest(ours, loss, size),
            _smallest(peers, loss, size),
            size,
        )
        for loss in losses
    ]


def _spread(point: Point) -> float:
    """The standard deviation over seeds; of a single one, what is usual."""
    return _USUAL_SPREAD * point.quality if point.quality_sd is None else point.quality_sd


def _sides(panel: Panel) -> tuple[list[Point], list[Point]]:
    ours = [point for point in panel.points if point.ours]
    return ours, [point for point in panel.points if not point.ours]


def _best(points: Sequence[Point], budget: int) -> Point | None:
    fitting = [point for point in points if point.table_bytes <= budget]
    return max(fitting, key=lambda point: (point.comparable, -point.table_bytes), default=None)


def _smallest(points: Sequence[Point], loss: float, size: Size) -> Point | None:
    good = [point for point in points if point.change is not None and point.change >= -loss]
    return min(good, key=lambda point: (getattr(point, size), -point.comparable), default=None)
