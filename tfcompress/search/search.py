"""The smallest tables whose quality suffices, or the best within a number of bytes.

Bytes fall smoothly and almost surely with the step, so a step for given bytes is found by coding
alone, in a few tries; quality, which is slow to measure, is asked for once per way of coding: a new
way is tried at slightly fewer bytes than the best one so far, and is better if its quality still
suffices.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from tfcompress.errors import ConfigError
from tfcompress.search.settings import Coded, Settings, Trial

START = Settings(0.8, row_step_exponent=0.625, rate_weight=0.15, rotation=True, rare_shrinkage=3.0)
"""Where a search begins; the step is found first."""

_FINEST, _COARSEST = 1 / 64, 64.0
_STRIDE = 1.5
"""Ratio of neighbouring steps on the way to the first one that suffices."""
_SMALLER, _MUCH_SMALLER = 0.94, 0.8
"""Part of the best bytes so far at which a new way of coding has to suffice: less after success."""
_LAST_PARTS = (0.97, 0.985)
"""The same where only the step is left to vary."""
_FINER, _MUCH_FINER = 0.94, 0.6
"""The same the other way round: more after failure."""
_TUNED_PARTS = (0.75, 0.9)
"""As the last parts, where every trial costs epochs of training."""
_CLOSE = 0.025
"""How near the bytes of a trial come to those wanted."""
_SLOPE = 1.1
"""About how fast the logarithm of bytes falls with that of the step."""
_MAX_STEPS, _ENOUGH_STEPS = 12, 4
"""Codings to get near given bytes: at most, and where one is below them already."""
_MAX_PASSES = 3
"""Over all directions: later ones follow the noise of the measure."""
_EXPONENT_MOVE = 0.125
_WEIGHT_MOVE = 1.4
_MAX_EXPONENT = 1.25
_MAX_WEIGHT = 1.0
_SHRINKAGES = (0.0, 1.5, 3.0, 6.0, 12.0)

_Point = tuple[float, float]
"""Logarithms of a step and of its bytes over those wanted."""


class Search:
    """Walks over settings and remembers every trial.

    Args:
        encode: callable. Codes all tables at one setting.
        quality: callable. Quality of the model with coded tables; higher is better.
        start: Settings. Where it begins. Without shrinkage of rare rows there, none is tried.
        row_steps: bool. Whether row steps may vary; else the exponent stays what it is.
        tell: callable or None. Receives every trial.

    Attributes:
        trials: list of Trial, in the order they were made.
    """

    def __init__(
        self,
        encode: Callable[[Settings], Coded],
        quality: Callable[[Coded], float],
        *,
        start: Settings = START,
        row_steps: bool = True,
        tell: Callable[[Trial], None] | None = None,
    ) -> None:
        self._encode, self._quality, self._start = encode, quality, start
        self._row_steps, self._tell = row_steps, tell
        self._sizes: dict[Settings, int] = {}
        self._last: Coded | None = None
        self.trials: list[Trial] = []

    def smallest(self, enough: float) -> Trial:
        """The trial of fewest bytes whose quality is at least `enough`.

        Raises:
            ConfigError: Not even the finest step suffices.
        """
        best = self._coarsest(enough)
        for _ in range(_MAX_PASSES):
            before = best
            for ways in self._directions():
                part = _SMALLER
                while better := self._first_smaller(ways(best.settings), best, part, enough):
                    best = better
                    part = max(part * _SMALLER, _MUCH_SMALLER)
            if best == before:
                break
        for part in _LAST_PARTS:
            while better := self._try(best.settings, part * best.nbytes, enough):
                best = better
        return best

    def best(self, max_bytes: float) -> Trial:
        """The trial of the highest quality among those of at most `max_bytes`.

        Raises:
            ConfigError: Not even the coarsest step gets below.
        """
        start = self._within(self._start, max_bytes)
        if start is None:  # The rotation alone may be larger.
            start = self._within(replace(self._start, rotation=False), max_bytes)
        if start is None:
            raise ConfigError(
                f"max_bytes: {max_bytes:,.0f} bytes are asked for, the coarsest step tried takes "
                f"{min(self._sizes.values()):,}; allow more"
            )
        best = self._trial(start)
        for _ in range(_MAX_PASSES):
            before = best
            for ways in self._directions():
                for way in ways(best.settings):
                    settings = self._within(way, max_bytes)
                    trial = best if settings is None else self._trial(settings)
                    if trial.quality > best.quality:
                        best = trial
                        break
            if best == before:
                break
        return best

    def finer(self, best: Trial, quality: Callable[[Coded], float], enough: float) -> Trial:
        """The best trial with finer steps, as far as another measure of quality asks for them.

        Raises:
            ConfigError: Not even far finer steps suffice.
        """
        found, part = best, _FINER
        while (reached := quality(self._coded(found.settings))) < enough:
            settings = self._within(found.settings, found.nbytes / part)
            if settings is None or settings == found.settings:
                raise ConfigError(
                    f"quality: {enough:.4g} is asked for, {found.nbytes:,} bytes give "
                    f"{reached:.4g}; accept more loss"
                )
            found, part = self._trial(settings), max(part * _FINER, _MUCH_FINER)
        return found

    def tuned(self, best: Trial, quality: Callable[[Coded], float], enough: float | None) -> Trial:
        """The best trial once more, by the quality of a model tuned to its tables.

        Args:
            best: Trial. Its quality measured, not expected.
            quality: callable. Of the tuned model with coded tables.
            enough: float or None. Then coarser steps follow for as long as their quality, tuned,
                is at least this. None keeps to the bytes.

        Returns:
            The smallest tuned trial that suffices; `best` where not even its own does.
        """

        def trial(settings: Settings) -> Trial:
            coded = self._coded(settings)
            made = Trial(settings, coded.nbytes, quality(coded), tuned=True)
            self._note(made)
            return made

        found = trial(best.settings)
        if enough is None:
            return max(best, found, key=lambda made: made.quality)
        if found.quality < enough:
            return best
        for part in _TUNED_PARTS:
            while settings := self._within(found.settings, part * found.nbytes):
                coarser = trial(settings)
                if coarser.quality < enough:
                    break
                found = coarser
        return found

    def _directions(self) -> Iterator[Callable[[Settings], list[Settings]]]:
        if self._row_steps:
            yield _other_exponents
        if self._start.rare_shrinkage:
            yield _other_shrinkages
        yield _other_weights
        yield lambda at: [replace(at, rotation=not at.rotation)]

    def _coarsest(self, enough: float) -> Trial:
        """About the coarsest step that suffices, at the settings of the start."""
        trial = self._trial(self._start)
        up = trial.quality >= enough
        while True:
            step = trial.settings.step * (_STRIDE if up else 1 / _STRIDE)
            if not _FINEST <= step <= _COARSEST:
                if up:
                    return trial
                raise ConfigError(
                    f"quality: {enough:.4g} is asked for, the finest step gives "
                    f"{trial.quality:.4g}; accept more loss"
                )
            following = self._trial(replace(trial.settings, step=step))
            suffices = following.quality >= enough
            if up != suffices:
                fine, coarse = (trial, following) if up else (following, trial)
                middle = math.sqrt(fine.settings.step * coarse.settings.step)
                between = self._trial(replace(fine.settings, step=middle))
                return between if between.quality >= enough else fine
            trial = following

    def _first_smaller(
        self, ways: list[Settings], best: Trial, part: float, enough: float
    ) -> Trial | None:
        for way in ways:
            better = self._try(way, part * best.nbytes, enough)
            if better is not None:
                return better
        return None

    def _try(self, way: Settings, nbytes: float, enough: float) -> Trial | None:
        """The trial of a way of coding at some bytes, where it suffices and was not made before."""
        settings = self._within(way, nbytes)
        if settings is None or any(trial.settings == settings for trial in self.trials):
            return None
        trial = self._trial(settings)
        return trial if trial.quality >= enough and trial.nbytes <= nbytes else None

    def _within(self, way: Settings, nbytes: float) -> Settings | None:
        """The finest step found of at most `nbytes`, by false position; None if there is none."""
        # In logs, where bytes against step are nearly a line; aimed at the middle of what is close.
        low, high = self._neighbours(way, nbytes)
        step = way.step
        for count in range(_MAX_STEPS):
            if high and count >= _ENOUGH_STEPS:
                break
            if low and high:
                share = low[1] / (low[1] - high[1])
                step = math.exp(low[0] + (high[0] - low[0]) * min(max(share, 0.03), 0.97))
            elif known := low or high:
                step = math.exp(known[0] + min(max(known[1], -1.0), 1.0) / _SLOPE)
            if not _FINEST / 4 <= step <= 4 * _COARSEST:
                break
            excess = math.log(self._bytes(replace(way, step=step)) / nbytes) + _CLOSE / 2
            if abs(excess) <= _CLOSE / 2:
                return replace(way, step=step)
            if excess > 0:
                low = math.log(step), excess
            else:
                high = math.log(step), excess
        return replace(way, step=math.exp(high[0])) if high else None

    def _neighbours(self, way: Settings, nbytes: float) -> tuple[_Point | None, _Point | None]:
        """Steps of this way that were coded before: the coarsest too large, the finest not."""
        known = [
            (math.log(at.step), math.log(size / nbytes) + _CLOSE / 2)
            for at, size in self._sizes.items()
            if replace(at, step=way.step) == way
        ]
        low = max((point for point in known if point[1] > 0), default=None)
        high = min((point for point in known if point[1] <= 0), default=None)
        return low, high

    def _bytes(self, settings: Settings) -> int:
        return self._sizes[settings] if settings in self._sizes else self._coded(settings).nbytes

    def _coded(self, settings: Settings) -> Coded:
        # The setting found for given bytes was coded last, and comes again for its quality.
        if self._last is None or self._last.settings != settings:
            self._last = self._encode(settings)
            self._sizes[settings] = self._last.nbytes
        return self._last

    def _trial(self, settings: Settings) -> Trial:
        for made in self.trials:
            if made.settings == settings and not made.tuned:
                return made
        coded = self._coded(settings)
        trial = Trial(settings, coded.nbytes, self._quality(coded))
        self._note(trial)
        return trial

    def _note(self, trial: Trial) -> None:
        self.trials.append(trial)
        if self._tell:
            self._tell(trial)


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
