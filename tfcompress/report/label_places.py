"""Where the names of marks go, so that none covers another name or a mark."""

from collections.abc import Sequence
from dataclasses import dataclass

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True)
class Room:
    """What labels have to fit into; lengths in the units of the plot, down is positive.

    Attributes:
        bounds: Box. Of the plot.
        mark: float. Half the width of a mark.
        letter: float. Width of a letter.
        height: float. Of a line of text.
    """

    bounds: Box
    mark: float
    letter: float
    height: float


def place_labels(
    labels: Sequence[tuple[str, float, float]], marks: Sequence[tuple[float, float]], room: Room
) -> list[tuple[int, float, float]]:
    """Greedily: right of the mark, left of it, above or below; a label without room is left out.

    Args:
        labels: sequence of (text, across, down). Each with the place of its mark; first come, first
            served.
        marks: sequence of (across, down). All marks.
        room: Room.

    Returns:
        list of (number of the label, left end, baseline).
    """
    m = room.mark
    taken: list[Box] = [(x - m, y - m, x + m, y + m) for x, y in marks]
    placed = []
    for number, (text, across, down) in enumerate(labels):
        width, gap = room.letter * len(text), m + room.letter / 2
        for left, baseline in (
            (across + gap, down + room.height / 3),
            (across - gap - width, down + room.height / 3),
            (across - width / 2, down - gap),
            (across - width / 2, down + gap + 0.8 * room.height),
            (across + gap, down - 0.5 * room.height),
            (across + gap, down + 1.2 * room.height),
            (across - gap - width, down - 0.5 * room.height),
        ):
            box = (left, baseline - 0.8 * room.height, left + width, baseline + 0.2 * room.height)
            if _inside(box, room.bounds) and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                placed.append((number, left, baseline))
                break
    return placed


def _inside(box: Box, bounds: Box) -> bool:
    return box[0] > bounds[0] and box[1] > bounds[1] and box[2] < bounds[2] and box[3] < bounds[3]


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
