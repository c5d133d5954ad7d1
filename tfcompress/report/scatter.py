"""A scatter plot as SVG: a logarithmic axis of bytes, marks with error bars, fronts, labels."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from tfcompress.report.label_places import Room, place_labels
from tfcompress.report.points import Point

WIDTH, HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 18, 14, 46
_MARK = 5.0
_LETTER, _LINE = 5.9, 12.0
"""Width and height of the labels' letters, in the units of the plot."""
_LEAST_DECADES, _LEAST_SHARE = 0.6, 0.05
"""Least length of a logarithmic axis, and of a linear one as a share of its largest value."""


@dataclass(frozen=True)
class Axis:
    """A vertical axis.

    Attributes:
        title: str. With the unit.
        value: callable. Of a point; None where it has none.
        spread: callable. Half the length of the error bar; None for no bar.
        text: callable. A tick's label.
        logarithmic: bool.
    """

    title: str
    value: Callable[[Point], float | None]
    text: Callable[[float], str]
    spread: Callable[[Point], float | None] = lambda point: None
    logarithmic: bool = False

    def shown(self, point: Point) -> float | None:
        """The value of a point; None where the axis cannot show it."""
        value = self.value(point)
        return None if value is None or (self.logarithmic and value <= 0) else value


def scatter(points: Sequence[Point], axis: Axis, fronts: Mapping[str, Sequence[Point]]) -> str:
    """Points over the bytes of their tables.

    Args:
        points: sequence of Point. A mark's `data-point` is its number here.
        axis: Axis.
        fronts: mapping str -> points, smallest first. A line with labelled marks for each; the name
            is its class.

    Returns:
        str. An <svg> element; colours come from the page's style.
    """
    shown = [
        (number, point, value)
        for number, point in enumerate(points)
        if (value := axis.shown(point)) is not None
    ]
    if not shown:
        return ""
    x = _Scale([point.table_bytes for _, point, _ in shown], _LEFT, WIDTH - _RIGHT, True)
    ends = [v + sign * (axis.spread(p) or 0.0) for _, p, v in shown for sign in (-1, 1)]
    if axis.logarithmic:
        ends = [value for _, _, value in shown]
    y = _Scale(ends, HEIGHT - _BOTTOM, _TOP, axis.logarithmic)
    frame = _Frame(axis, x, y)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(axis.title)} against bytes of the tables">',
        *frame.grid(),
        *(frame.line(name, front) for name, front in fronts.items()),
        *(frame.mark(k, point) for k, point, _ in shown),
        *frame.labels([point for front in fronts.values() for point in front], points),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part)


def bytes_tick(count: float) -> str:
    """A round number of bytes: "300 KB", "1 MB"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if count >= size:
            return f"{count / size:g} {unit}"
    return f"{count:g} B"


def long_enough(low: float, high: float, *, logarithmic: bool) -> tuple[float, float]:
    """Ends of an axis, apart so far that differences of no account look like none.

    Args:
        low: float. The least end; its logarithm to base 10 where the axis is logarithmic.
        high: float. The other end, likewise.
        logarithmic: bool.
    """
    least = _LEAST_DECADES if logarithmic else _LEAST_SHARE * abs(high) or 1.0
    lacking = max(least - (high - low), 0.0) / 2
    return low - lacking, high + lacking


class _Scale:
    """From values to places on the plot, a little room at both ends."""

    def __init__(
        self, values: Sequence[float], start: float, end: float, logarithmic: bool
    ) -> None:
        self._to = math.log10 if logarithmic else float
        self._start, self._length, self._logarithmic = start, end - start, logarithmic
        ends = self._to(min(values)), self._to(max(values))
        low, high = long_enough(*ends, logarithmic=logarithmic)
        room = 0.06 * (high - low)
        self._low, self._high = low - room, high + room

    def __call__(self, value: float) -> float:
        share = (self._to(value) - self._low) / (self._high - self._low)
        return self._start + share * self._length

    def ticks(self) -> list[float]:
        """Round values between the ends."""
        if self._logarithmic:
            return self._logarithmic_ticks()
        step = 10.0 ** math.floor(math.log10((self._high - self._low) / 4))
        step *= next(m for m in (1, 2, 5, 10) if (self._high - self._low) / (m * step) <= 6)
        first, last = math.ceil(self._low / step), math.floor(self._high / step)
        return [round(k * step, 12) for k in range(first, last + 1)]

    def _logarithmic_ticks(self) -> list[float]:
        decades = range(math.floor(self._low), math.ceil(self._high) + 1)
        for digits in ((1,), (1, 3), (1, 2, 5), tuple(range(1, 10))):
            found = [digit * 10.0**decade for decade in decades for digit in digits]
            inside = [v for v in found if self._low <= math.log10(v) <= self._high]
            if len(inside) >= 3:
                break
        return inside


@dataclass(frozen=True)
class _Frame:
    """The plot's axes, and what is drawn between them."""

    axis: Axis
    x: _Scale
    y: _Scale

    def grid(self) -> list[str]:
        """Lines, ticks and titles."""
        bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
        parts = []
        for tick in self.x.ticks():
            place = f"{self.x(tick):.1f}"
            parts.append(f'<path class="grid" d="M{place} {_TOP}V{bottom}"/>')
            parts.append(
                f'<text class="tick" x="{place}" y="{bottom + 16}" text-anchor="middle">'
                f"{bytes_tick(tick)}</text>"
            )
        for tick in self.y.ticks():
            place = f"{self.y(tick):.1f}"
            parts.append(f'<path class="grid" d="M{_LEFT} {place}H{right}"/>')
            parts.append(
                f'<text class="tick" x="{_LEFT - 8}" y="{place}" dy="4" text-anchor="end">'
                f"{escape(self.axis.text(tick))}</text>"
            )
        parts.append(
            f'<text class="title" x="{(_LEFT + right) / 2}" y="{HEIGHT - 8}" '
            'text-anchor="middle">bytes of the tables</text>'
        )
        parts.append(
            f'<text class="title" transform="translate(14 {(_TOP + bottom) / 2}) rotate(-90)" '
            f'text-anchor="middle">{escape(self.axis.title)}</text>'
        )
        return parts

    def line(self, name: str, front: Sequence[Point]) -> str:
        """A front."""
        places = [f"{a:.1f} {d:.1f}" for _, a, d in self._placed(front)]
        return f'<path class="front {name}" d="M{"L".join(places)}"/>' if len(places) > 1 else ""

    def mark(self, number: int, point: Point) -> str:
        """A point with its error bar."""
        ((_, across, down),) = self._placed([point])
        kind = _kind(point)
        bar = ""
        if spread := self.axis.spread(point):
            value = self.axis.value(point) or 0.0
            top, bottom = self.y(value + spread), self.y(value - spread)
            bar = f'<path class="bar" d="M{across:.1f} {bottom:.1f}V{top:.1f}"/>'
        m = _MARK
        if kind == "ours":
            shape = f'<circle cx="{across:.1f}" cy="{down:.1f}" r="{m}"/>'
        elif kind == "peer":
            left, top = across - m, down - m
            shape = f'<rect x="{left:.1f}" y="{top:.1f}" width="{2 * m}" height="{2 * m}"/>'
        else:
            m += 2
            shape = f'<path d="M{across:.1f} {down - m:.1f}l{m} {m}l{-m} {m}l{-m} {-m}z"/>'
        return (
            f'<g class="mark {kind}" data-point="{number}" tabindex="0" role="img" '
            f'aria-label="{escape(point.label)}">{bar}{shape}</g>'
        )

    def labels(self, points: Sequence[Point], all_points: Sequence[Point]) -> list[str]:
        """Names of points, where there is room."""
        places = self._placed(points)
        bounds = (_LEFT, 0.0, WIDTH, HEIGHT - _BOTTOM)
        found = place_labels(
            [(point.label, across, down) for point, across, down in places],
            [(across, down) for _, across, down in self._placed(all_points)],
            Room(bounds, _MARK, _LETTER, _LINE),
        )
        return [
            f'<text class="label {_kind(point)}" x="{left:.1f}" y="{baseline:.1f}">'
            f"{escape(point.label)}</text>"
            for number, left, baseline in found
            for point in [places[number][0]]
        ]

    def _placed(self, points: Sequence[Point]) -> list[tuple[Point, float, float]]:
        """The points that have a value, and where they go."""
        return [
            (point, self.x(point.table_bytes), self.y(value))
            for point in points
            if (value := self.axis.shown(point)) is not None
        ]


def _kind(point: Point) -> str:
    return "reference" if point.is_reference else "ours" if point.ours else "peer"
