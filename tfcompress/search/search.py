"""The smallest tables whose quality suffices, or the best within a number of bytes.

Ways of coding (all settings but the step) are compared at equal bytes, by the smooth companion of
the quality: which of them is best hardly depends on the bytes, and the noise of a measured quality
has no part in it. Then the step of the best way is walked to what was asked for. Bytes fall
smoothly with the step, so a step for given bytes is found by coding alone, in a try or two.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from tfcompress.errors import ConfigError
from tfcompress.search.expected import Expectation
from tfcompress.search.settings import Coded, Settings, Trial

START = Settings(0.8, row_step_exponent=0.625, rate_weight=0.15, rotation=True, rare_shrinkage=3.0)
"""Where a search begins; the step is found first."""
SCORED_START = replace(START, rate_weight=0.3, rare_shrinkage=0.75)
"""The same where scores are taken against a table, too: what is shrunk there changes the scores."""

_FINEST, _COARSEST = 1 / 64, 64.0
_STRIDE = 1.6
"""Ratio of neighbouring steps, and of neighbouring bytes, while all there is to know is the way."""
_LADDER = 4
"""Trials of the first way, at least."""
_ALIKE, _CLOSE = 0.06, 0.012
"""How near bytes come to those wanted (logarithm): to compare ways, and at the end."""
_MAX_CODINGS = 4
_SLOPE = -1.1
"""About how fast the logarithm of bytes moves with that of the step."""
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
_EXPONENT_MOVE = 0.125
_WEIGHT_MOVE = 1.5
_MAX_EXPONENT = 1.25
_MAX_WEIGHT = 1.0
_SHRINKAGES = (0.0, 0.75, 1.5, 3.0, 6.0, 12.0, 24.0)


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
        start: Settings. Where it begins. Without shrinkage of rare rows there, none is tried.
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
        self._encode, self._examine, self._start = encode, examine, start
        self._row_steps, self._reference, self._tell = row_steps, reference, tell
        self._sizes: dict[Settings, int] = {}
        self._last: Coded | None = None
        self.trials: list[Trial] = []

    @property
    def expectation(self) -> Expectation:
        """What the trials so far say of qualities to expect."""
        return Expectation.fit(self.trials, self._reference)

    def smallest(self, enough: float) -> Trial:
        """The trial of fewest bytes whose quality, measured and expected, is at least `enough`.

        Raises:
            OutOfReachError: Not even the finest step suffices.
        """
        self._bracket(enough)
        best = self._best_way(self._bytes_for(enough))
        self._walk(best, enough)
        return self._smallest_of(enough)

    def best(self, max_bytes: float) -> Trial:
        """The trial of the highest quality to expect among those of at most `max_bytes`.

        Raises:
            ConfigError: Not even the coarsest step gets below.
        """
        nbytes = max_bytes * math.exp(-_ALIKE)
        for start in (self._start, replace(self._start, rotation=False)):
            self._start = start
            if self._near(start, nbytes).nbytes <= max_bytes:
                break
        else:  # The rotation alone may be larger.
            raise ConfigError(
                f"max_bytes: {max_bytes:,.0f} bytes are asked for, the coarsest step tried takes "
                f"{min(self._sizes.values()):,}; allow more"
            )
        for part in (_STRIDE, 1 / _STRIDE, _STRIDE**2):
            self._near(self._start, nbytes * part)
        best = self._best_way(nbytes)
        self._near(best.settings, max_bytes * math.exp(-_CLOSE), _CLOSE)
        within = [trial for trial in self.trials if trial.nbytes <= max_bytes]
        return max(within, key=self.expectation)

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
            coded = self._coded(settings)
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
            while (settings := self._step_for(found.settings, part * found.nbytes, _ALIKE)).step > (
                found.settings.step
            ):
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
            if not _FINEST <= step <= _COARSEST:
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
        tried = {_way(self._start)}
        for ways in self._directions():
            untried = ways(best.settings)
            while untried:
                way = untried.pop(0)
                tried.add(_way(way))
                trial = self._near(way, nbytes)
                if value(trial) > value(best) + _WORTH * gain:
                    best = trial
                    untried = [other for other in ways(way) if _way(other) not in tried]
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
        if not found:  # The first way has a trial whose measured quality does.
            found = [trial for trial in self.trials if trial.quality >= enough]
        return min(found, key=lambda trial: trial.nbytes)

    def _directions(self) -> Iterator[Callable[[Settings], list[Settings]]]:
        if self._row_steps:
            yield _other_exponents
        if self._start.rare_shrinkage:
            yield _other_shrinkages
        yield _other_weights
        yield lambda at: [replace(at, rotation=not at.rotation)]

    def _near(self, way: Settings, nbytes: float, close: float = _ALIKE) -> Trial:
        """The trial of a way of coding at about some bytes."""
        return self._trial(self._step_for(way, nbytes, close))

    def _step_for(self, way: Settings, nbytes: float, close: float) -> Settings:
        """A step that gives about `nbytes`, by secants of the logarithms."""
        for _ in range(_MAX_CODINGS):
            known = self._known(way)
            off = [math.log(size / nbytes) for _, size in known]
            nearest = min(range(len(known)), key=lambda k: abs(off[k])) if known else None
            if nearest is None:
                step = way.step * (self._like(way) / nbytes) ** (-1 / _SLOPE)
            elif abs(off[nearest]) <= close:
                break
            else:
                step = known[nearest][0] * math.exp(-off[nearest] / _slope_at(known, nearest))
            step = min(max(step, _FINEST), _COARSEST)
            if any(step == other for other, _ in known):
                break
            self._coded(replace(way, step=step))
        step, _ = min(self._known(way), key=lambda point: abs(math.log(point[1] / nbytes)))
        return replace(way, step=step)

    def _known(self, way: Settings) -> list[tuple[float, int]]:
        """Steps of this way that were coded before and their bytes, the finest first."""
        return sorted((at.step, size) for at, size in self._sizes.items() if _way(at) == _way(way))

    def _like(self, way: Settings) -> float:
        """Bytes at the same step of some other way, to start from."""
        sizes = [size for at, size in self._sizes.items() if at.step == way.step]
        return sizes[-1] if sizes else self._coded(way).nbytes

    def _coded(self, settings: Settings) -> Coded:
        # The setting found for given bytes was mostly coded last, and comes again to be examined.
        if self._last is None or self._last.settings != settings:
            self._last = self._encode(settings)
            self._sizes[settings] = self._last.nbytes
        return self._last

    def _trial(self, settings: Settings) -> Trial:
        for made in self.trials:
            if made.settings == settings and not made.tuned:
                return made
        coded = self._coded(settings)
        trial = Trial(settings, coded.nbytes, *self._examine(coded))
        self._note(trial)
        return trial

    def _note(self, trial: Trial) -> None:
        self.trials.append(trial)
        if self._tell:
            self._tell(trial)


def _way(at: Settings) -> Settings:
    return replace(at, step=1.0)


def _slope_at(known: Sequence[tuple[float, int]], nearest: int) -> float:
    """How fast the logarithm of bytes moves with that of the step, by the nearest two."""
    if len(known) == 1:
        return _SLOPE
    other = nearest + 1 if nearest + 1 < len(known) else nearest - 1
    (step, size), (other_step, other_size) = known[nearest], known[other]
    slope = math.log(other_size / size) / math.log(other_step / step)
    return min(max(slope, 2 * _SLOPE), _SLOPE / 2)


def _soft_gain_of_bytes(trials: Sequence[Trial], nbytes: float) -> float:
    """How much the companion rises with the logarithm of bytes, about `nbytes`.

    By the trials of the way that has the most of them, the nearest three.
    """
    untuned = [trial for trial in trials if not trial.tuned]
    ways = [_way(trial.settings) for trial in untuned]
    most = max(ways, key=ways.count)
    own = [trial for trial, way in zip(untuned, ways, strict=True) if way == most]
    own.sort(key=lambda trial: abs(math.log(trial.nbytes / nbytes)))
    logs = np.log([trial.nbytes for trial in own[:3]])
    if len(logs) < 2 or np.ptp(logs) == 0:
        return 0.0
    return max(0.0, float(np.polyfit(logs, [trial.soft for trial in own[:3]], 1)[0]))


def _other_exponents(at: Settings) -> list[Settings]:
    moved = (at.row_step_exponent + _EXPONENT_MOVE, at.row_step_exponent - _EXPONENT_MOVE)
    return [replace(at, row_step_exponent=e) for e in moved if 0 <= e <= _MAX_EXPONENT]


def _other_weights(at: Settings) -> list[Settings]:
    moved = (at.rate_weight * _WEIGHT_MOVE, at.rate_weight / _WEIGHT_MOVE)
    return [replace(at, rate_weight=round(w, 4)) for w in moved if w <= _MAX_WEIGHT]


def _other_shrinkages(at: Settings) -> list[Settings]:
    nearest = sorted(_SHRINKAGES, key=lambda k: abs(k - at.rare_shrinkage))
    below = [k for k in nearest if k < at.rare_shrinkage][:1]
    above = [k for k in nearest if k > at.rare_shrinkage][:1]
    return [replace(at, rare_shrinkage=k) for k in above + below]
