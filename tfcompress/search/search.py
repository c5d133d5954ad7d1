"""The smallest tables whose quality suffices, or the best within a number of bytes.

Ways of coding (all settings but the step) are compared at equal bytes, by the smooth companion of
the quality: which of them is best hardly depends on the bytes, and the noise of a measured quality
has no part in it. Then the step of the best way is walked to what was asked for.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from tfcompress.errors import ConfigError
from tfcompress.search.coded_sizes import COARSEST, FINEST, CodedSizes
from tfcompress.search.expected import Expectation
from tfcompress.search.settings import Coded, Settings, Trial
from tfcompress.search.ways import (
    other_exponents,
    other_rotation,
    other_shrinkages,
    other_weights,
    way_of,
)

START = Settings(0.8, row_step_exponent=0.625, rate_weight=0.15, rotation=True, rare_shrinkage=3.0)
"""Where a search begins; the step is found first."""
SCORED_START = replace(START, rate_weight=0.3, rare_shrinkage=0.75)
"""The same where scores are taken against a table, too: what is shrunk there changes the scores."""

_STRIDE = 1.6
"""Ratio of neighbouring steps, and of neighbouring bytes, while all there is to know is the way."""
_LADDER = 4
"""Trials of the first way, at least."""
_ALIKE, _CLOSE = 0.06, 0.012
"""How near bytes come to those wanted (logarithm): to compare ways, and at the end."""
_WORTH = 0.03
"""A way is better where it is worth so many bytes less (logarithm): the companion has noise too."""
_MAX_LAST = 7
_LAST_GAP = 1.015
"""Bytes of what suffices over bytes of what does not, where the walk ends."""
_SMALLER, _LARGER = 0.94, 1.08
"""Bytes of the next trial on the walk, over those of the last, where nothing says more."""
_FARTHEST = 0.5
"""Steps of the walk, logarithm of bytes."""
_TUNED_PARTS = (0.75, 0.9)
"""Bytes of the next trial where every one costs epochs of training."""


class OutOfReachError(ConfigError):
    """A quality that no step tried comes to.

    Attributes:
        reached: float. The highest quality of a trial.
    """

    def __init__(self, enough: float, reached: float) -> None:
        super().__init__(
            f"quality: {enough:.4g} is asked for, the finest steps give {reached:.4g}; accept more "
            "loss"
        )
        self.reached = reached


class Search:
    """Walks over settings and remembers every trial.

    Args:
        encode: callable. Codes all tables at one setting.
        examine: callable. Quality of the model with coded tables, and a smooth companion of it (see
            `Task.examine`); higher is better.
        start: Settings. Where it begins. Without shrinkage of rare rows there, none is tried, and
            without rotation neither.
        row_steps: bool. Whether row steps may vary; else the exponent stays what it is.
        reference: float. Quality of the trained model.
        tell: callable or None. Receives every trial.

    Attributes:
        trials: list of Trial, in the order they were made.
    """

    def __init__(
        self,
        encode: Callable[[Settings], Coded],
        examine: Callable[[Coded], tuple[float, float]],
        *,
        start: Settings = START,
        row_steps: bool = True,
        reference: float = 0.0,
        tell: Callable[[Trial], None] | None = None,
    ) -> None:
        self._codings, self._examine, self._start = CodedSizes(encode), examine, start
        self._row_steps, self._reference, self._tell = row_steps, reference, tell
        self.trials: list[Trial] = []

    @property
    def expectation(self) -> Expectation:
        """What the trials so far say of qualities to expect."""
        return Expectation.fit(self.trials, self._reference)

    def smallest(self, enough: float) -> Trial:
        """The trial of fewest bytes whose quality, measured and expected, is at least `enough`.

        Where no trial is both, the one to expect most of among those that are measured to be.

        Raises:
            OutOfReachError: Not even the finest step suffices.
        """
        try:
            self._bracket(enough)
        except OutOfReachError:
            if not self._start.rare_shrinkage:
                raise
            # Rare rows may be worth what they are: then no step is fine enough once they shrank.
            self._start = replace(self._start, rare_shrinkage=0.0)
            self._bracket(enough)
        self._walk(self._best_way(self._bytes_for(enough)), enough)
        return self._smallest_of(enough)

    def best(self, max_bytes: float) -> Trial:
        """The trial of the highest quality to expect among those of at most `max_bytes`.

        Raises:
            ConfigError: Not even the coarsest step gets below.
        """
        nbytes = max_bytes * math.exp(-_ALIKE)
        for start in (self._start, replace(self._start, rotation=False)):
            self._start = start
            settings = self._codings.step_within(start, nbytes, max_bytes, _ALIKE)
            if settings is not None:
                self._trial(settings)
                break
        else:  # The rotation alone may be larger.
            raise ConfigError(
                f"max_bytes: {max_bytes:,.0f} bytes are asked for, the coarsest step tried takes "
                f"{min(self._codings.sizes.values()):,}; allow more"
            )
        for part in (_STRIDE, 1 / _STRIDE, _STRIDE**2):
            self._near(self._start, nbytes * part)
        best = self._best_way(nbytes)
        self._near(best.settings, max_bytes * math.exp(-_CLOSE), _CLOSE)
        return max((made for made in self.trials if made.nbytes <= max_bytes), key=self.expectation)

    def tuned(self, best: Trial, quality: Callable[[Coded], float], enough: float | None) -> Trial:
        """The best trial once more, by the quality of a model tuned to its tables.

        Args:
            best: Trial.
            quality: callable. Of the tuned model with coded tables.
            enough: float or None. Then coarser steps follow for as long as their quality, tuned,
                is at least this. None keeps to the bytes.

        Returns:
            The smallest tuned trial that suffices; `best` where not even its own does.
        """

        def trial(settings: Settings) -> Trial:
            coded = self._codings.coded(settings)
            reached = quality(coded)
            made = Trial(settings, coded.nbytes, reached, reached, tuned=True)
            self._note(made)
            return made

        found = trial(best.settings)
        if enough is None:
            return max(best, found, key=lambda made: made.quality)
        if found.quality < enough:
            return best
        for part in _TUNED_PARTS:
            while True:
                nbytes = part * found.nbytes
                settings = self._codings.step_for(found.settings, nbytes, _ALIKE)
                if settings.step <= found.settings.step:
                    break
                coarser = trial(settings)
                if coarser.quality < enough:
                    break
                found = coarser
        return found

    def _bracket(self, enough: float) -> None:
        """Trials of the first way on both sides of what is asked for, and some more."""
        trial = self._trial(self._start)
        up = trial.quality >= enough
        while (trial.quality >= enough) == up:
            step = trial.settings.step * (_STRIDE if up else 1 / _STRIDE)
            if not FINEST <= step <= COARSEST:
                if up:
                    break
                raise OutOfReachError(enough, max(made.quality for made in self.trials))
            trial = self._trial(replace(trial.settings, step=step))
        while len(self.trials) < _LADDER:
            steps = sorted(made.settings.step for made in self.trials)
            outside = steps[-1] * _STRIDE, steps[0] / _STRIDE
            self._trial(replace(self._start, step=outside[len(self.trials) % 2]))

    def _bytes_for(self, enough: float) -> float:
        """Bytes at which the first way can be expected to suffice."""
        points = sorted((trial.nbytes, self.expectation(trial)) for trial in self.trials)
        logs = np.log([nbytes for nbytes, _ in points])
        qualities = np.maximum.accumulate([quality for _, quality in points])
        return float(np.exp(np.interp(enough, qualities, logs)))

    def _best_way(self, nbytes: float) -> Trial:
        """The best trial of all ways at about `nbytes`: one direction after the other."""
        gain = _soft_gain_of_bytes(self.trials, nbytes)

        def value(trial: Trial) -> float:
            return trial.soft - gain * math.log(trial.nbytes / nbytes)

        best = self._near(self._start, nbytes)
        tried = {way_of(self._start)}
        for ways in self._directions():
            untried = ways(best.settings)
            while untried:
                way = untried.pop(0)
                tried.add(way_of(way))
                trial = self._near(way, nbytes)
                if value(trial) > value(best) + _WORTH * gain:
                    best = trial
                    untried = [other for other in ways(way) if way_of(other) not in tried]
        return best

    def _walk(self, best: Trial, enough: float) -> None:
        """Trials of the best way, around the fewest bytes that suffice."""
        way, nbytes = best.settings, self._promising(best, enough)
        good = bad = 0.0
        for _ in range(_MAX_LAST):
            trial = self._near(way, nbytes, _CLOSE)
            if self._suffices(trial, enough):
                good = min(good or math.inf, trial.nbytes)
            else:
                bad = max(bad, trial.nbytes)
            if good and bad and good < bad * _LAST_GAP:
                break
            if good and bad:
                nbytes = math.sqrt(good * bad)
            else:
                plain = trial.nbytes * (_SMALLER if good else _LARGER)
                promising = self._promising(trial, enough)
                nbytes = min(plain, promising) if good else max(plain, promising)

    def _promising(self, trial: Trial, enough: float) -> float:
        """Bytes at which the way of a trial can be expected to suffice."""
        expected = self.expectation
        gain = _soft_gain_of_bytes(self.trials, trial.nbytes)
        if not expected.slope or gain <= 0:
            return float(trial.nbytes)
        missing = (enough - expected(trial)) / (expected.slope * gain)
        return trial.nbytes * math.exp(min(max(missing, -_FARTHEST), _FARTHEST))

    def _suffices(self, trial: Trial, enough: float) -> bool:
        return min(trial.quality, self.expectation(trial)) >= enough

    def _smallest_of(self, enough: float) -> Trial:
        found = [trial for trial in self.trials if self._suffices(trial, enough)]
        if not found:  # The first way has a trial that is measured to, by luck: more than one may.
            lucky = [trial for trial in self.trials if trial.quality >= enough]
            return max(lucky, key=self.expectation)
        # Of equal bytes, as of tables too small to pack, the best.
        return min(found, key=lambda trial: (trial.nbytes, -self.expectation(trial)))

    def _directions(self) -> Iterator[Callable[[Settings], list[Settings]]]:
        if self._row_steps:
            yield other_exponents
        if self._start.rare_shrinkage:
            yield other_shrinkages
        yield other_weights
        if self._start.rotation:
            yield other_rotation

    def _near(self, way: Settings, nbytes: float, close: float = _ALIKE) -> Trial:
        """The trial of a way of coding at about some bytes."""
        return self._trial(self._codings.step_for(way, nbytes, close))

    def _trial(self, settings: Settings) -> Trial:
        for made in self.trials:
            if made.settings == settings and not made.tuned:
                return made
        coded = self._codings.coded(settings)
        trial = Trial(settings, coded.nbytes, *self._examine(coded))
        self._note(trial)
        return trial

    def _note(self, trial: Trial) -> None:
        self.trials.append(trial)
        if self._tell:
            self._tell(trial)


def _soft_gain_of_bytes(trials: Sequence[Trial], nbytes: float) -> float:
    """How much the companion rises with the logarithm of bytes, about `nbytes`.

    By the trials of the way that has the most of them, the nearest three. An infinite one, of
    tables that lose nothing, tells of no rise.
    """
    untuned = [trial for trial in trials if not trial.tuned and math.isfinite(trial.soft)]
    if not untuned:
        return 0.0
    ways = [way_of(trial.settings) for trial in untuned]
    most = max(ways, key=ways.count)
    own = [trial for trial, way in zip(untuned, ways, strict=True) if way == most]
    own.sort(key=lambda trial: abs(math.log(trial.nbytes / nbytes)))
    logs = np.log([trial.nbytes for trial in own[:3]])
    if len(logs) < 2 or np.ptp(logs) == 0:
        return 0.0
    return max(0.0, float(np.polyfit(logs, [trial.soft for trial in own[:3]], 1)[0]))
