"""How long a sweep will still take, from what it took so far."""

from tfcompress.sweep.artefact import Artefact
from tfcompress.sweep.results import Row


class TimeLeft:
    """Learns the mean time of a training and of a file from finished rows.

    Args:
        new: list of Artefact. What is still to be made.
        again: list of Artefact. What is only measured again: nothing is trained for it.
        jobs: int. Processes at once.
    """

    def __init__(self, new: list[Artefact], again: list[Artefact], jobs: int) -> None:
        self._jobs = jobs
        self._files = len(new) + len(again)
        self._trainings = {artefact.training.key for artefact in new}
        self._training = _Mean()
        self._file = _Mean()

    def finished(self, artefact: Artefact, row: Row) -> None:
        """Takes note of a row."""
        self._files -= 1
        seconds = dict(row["seconds"])
        training = seconds.pop("training", None)
        if artefact.training.key in self._trainings:
            self._trainings.discard(artefact.training.key)
            if training is not None:
                self._training.add(training)
        if seconds:
            self._file.add(sum(seconds.values()))

    @property
    def seconds(self) -> float | None:
        """The estimate; None before the first row."""
        if self._file.count == 0 and self._files:
            return None
        needed = len(self._trainings) * self._training.value + self._files * self._file.value
        return needed / self._jobs


class _Mean:
    def __init__(self) -> None:
        self.count, self._sum = 0, 0.0

    def add(self, value: float) -> None:
        self.count += 1
        self._sum += value

    @property
    def value(self) -> float:
        return self._sum / self.count if self.count else 0.0


def duration_text(seconds: float) -> str:
    """A time a person reads: "40 s", "12 min", "3 h 05 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
