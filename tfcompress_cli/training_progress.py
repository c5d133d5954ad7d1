"""What a training shows while it lasts: a bar, and a line for every epoch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tfcompress_cli import console, interrupts

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from tfcompress.data import Dataset, TextDataset

QUALITY_NAMES = {
    "ndcg@10": "nDCG@10",
    "hr@10": "HR@10",
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
}


class TrainingProgress:
    """The callbacks of a training.

    Args:
        progress: Progress. Where the bar is.
        bar: TaskID. The bar.
    """

    def __init__(self, progress: Progress, bar: TaskID) -> None:
        self._progress, self._bar = progress, bar

    def data(self, dataset: Dataset | TextDataset) -> None:
        """Prints what reading the data had to say."""
        for note in dataset.notes:
            # A note on one file of several names it itself.
            named = note if note.startswith(f"{dataset.name}: ") else f"{dataset.name}: {note}"
            console.remark(named)

    def batch(self, epoch: int, done: int, total: int) -> None:
        """Moves the bar; raises an interrupt that was lost in the step before."""
        interrupts.check()
        self._progress.update(
            self._bar, description=f"epoch {epoch + 1}", completed=done, total=total
        )

    def epoch(self, entry: dict[str, float]) -> None:
        """Prints a line."""
        quality = "   ".join(
            f"{name} {entry[key]:.4f}" for key, name in QUALITY_NAMES.items() if key in entry
        )
        dropout = f"   dropout {entry['dropout']:g}" if "dropout" in entry else ""
        console.remark(
            f"epoch {entry['epoch'] + 1:3.0f}   loss {entry['loss']:.4f}   {quality}   "
            f"{entry['seconds']:.1f} s{dropout}"
        )


@contextmanager
def showing() -> Iterator[TrainingProgress]:
    """Inside, a bar is shown."""
    with console.progress() as progress:
        yield TrainingProgress(progress, progress.add_task("training", total=None))
