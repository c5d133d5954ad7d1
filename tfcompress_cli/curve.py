"""The curve that a search walked: table, JSON and picture."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tfcompress_cli import console, interrupts

if TYPE_CHECKING:
    from tfcompress.search import Found, Trial

_ROWS_SHOWN = 20


def show(found: Found) -> None:
    """Prints the curve: trials that no other beats, fewest bytes first."""
    from rich.table import Table

    table = Table(
        title=f"{len(found.trials)} trials; those that no other beats:",
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    settings = ("step", "row steps", "rare rows", "rate weight", "rotate")
    values = ("expected", "measured") if _is_ratio(found) else ("SNR",)
    for name in ("tables", "ratio", *values, *settings, ""):
        # Words whole, also in 80 columns.
        width = max(map(len, name.split()), default=0)
        no_wrap = name in ("tables", "ratio", "")
        table.add_column(name, justify="right", min_width=width, no_wrap=no_wrap)
    front = sorted({*found.front(), found.chosen}, key=lambda trial: trial.nbytes)
    chosen = front.index(found.chosen)
    first = max(0, min(chosen - _ROWS_SHOWN // 2, len(front) - _ROWS_SHOWN))
    for trial in front[first : first + _ROWS_SHOWN]:
        at = trial.settings
        table.add_row(
            f"{trial.nbytes:,}",
            f"{found.float_bytes / trial.nbytes:.1f}x",
            *_quality_cells(trial, found),
            f"{at.step:.3g}",
            f"{at.row_step_exponent:.3g}",
            f"{at.rare_shrinkage:.3g}",
            f"{at.rate_weight:.3g}",
            "yes" if at.rotation else "no",
            _remark(trial, found),
        )
    console.show(table)
    console.out.print()


def show_added(dataset: Any) -> None:
    """Says what a small validation was measured with.

    Args:
        dataset: Dataset, or one of another kind.
    """
    from tfcompress.search.steady_quality import added_examples

    if (added := added_examples(dataset)) is not None:
        few = len(dataset.valid.targets.values)
        console.say(
            f"validation has {few:,} targets, too few to tell codings apart: the curve counts "
            f"{len(added.targets.values):,} of the training in, each relative to what was trained; "
            "the last line is validation alone\n"
        )


@contextmanager
def searching() -> Iterator[Callable[[Trial, float], None]]:
    """A line on stderr while a search lasts; gives what shows a trial in it."""
    with console.err.status("Searching") as status:

        def tell(trial: Trial, reference: float) -> None:
            interrupts.check()
            status.update(
                f"Searching: {trial.nbytes:,} bytes, {quality_text(trial.quality, reference)}"
            )

        yield tell


def to_json(found: Found) -> bytes:
    """All trials, as they were made, and which was chosen."""
    content = {
        "reference": found.reference if math.isfinite(found.reference) else None,
        "float_bytes": found.float_bytes,
        "chosen": found.chosen.to_json(),
        "trials": [trial.to_json() for trial in found.trials],
    }
    return (json.dumps(content, indent=2) + "\n").encode()


def to_png(found: Found) -> bytes:
    """Change of quality against bytes, every trial a dot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    is_ratio = _is_ratio(found)

    def height(trial: Trial) -> float:
        value = trial.best_guess
        return 100 * (value / found.reference - 1) if is_ratio else value

    def dots_of(trials: Iterable[Trial]) -> list[tuple[float, float]]:
        # An infinite SNR, of tables that lose nothing, has no place on an axis.
        dots = [(trial.nbytes / 1000, height(trial)) for trial in trials]
        return [dot for dot in dots if math.isfinite(dot[1])]

    dots = dots_of(found.trials)
    axes.scatter([x for x, _ in dots], [y for _, y in dots], s=14, color="tab:grey", label="trials")
    front = dots_of(found.front())
    axes.plot(
        [x for x, _ in front], [y for _, y in front], color="tab:blue", label="none is better"
    )
    chosen = dots_of([found.chosen])
    axes.scatter(
        [x for x, _ in chosen], [y for _, y in chosen], color="tab:red", zorder=3, label="chosen"
    )
    if dots:
        axes.set_xscale("log")
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(ScalarFormatter())
    axes.set_xlabel("kB of tables")
    axes.set_ylabel("% change of quality to expect, validation" if is_ratio else "SNR, dB")
    axes.grid(alpha=0.3)
    axes.legend()
    content = io.BytesIO()
    canvas.print_png(content)
    return content.getvalue()


def quality_text(quality: float, reference: float) -> str:
    """Change against the trained model; decibels where an SNR was asked for."""
    return f"{quality / reference - 1:+.2%}" if math.isfinite(reference) else f"{quality:.2f} dB"


def _quality_cells(trial: Trial, found: Found) -> list[str]:
    measured = quality_text(trial.quality, found.reference)
    if not _is_ratio(found):
        return [measured]
    if trial.expected is None:
        return ["", measured]
    return [quality_text(trial.expected, found.reference), measured]


def _is_ratio(found: Found) -> bool:
    return math.isfinite(found.reference)


def _remark(trial: Trial, found: Found) -> str:
    words = ["tuned"] * trial.tuned + ["chosen"] * (trial == found.chosen)
    return "\n".join(words)
