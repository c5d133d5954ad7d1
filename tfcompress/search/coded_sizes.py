"""How many bytes tables take at settings that were coded, and the step that gives a number of them.

Bytes fall smoothly with the step, so a try or two by coding alone, without measuring any quality,
finds it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from tfcompress.errors import ConfigError
from tfcompress.search.settings import Coded, Settings
from tfcompress.search.ways import way_of

FINEST, COARSEST = 1 / 64, 64.0
"""Steps that are tried."""
_SLOPE = -1.1
"""How fast the logarithm of bytes moves with that of the step, mostly; past 150x up to -3."""
_CODINGS_FOR_STEP = 4
_CODINGS_TO_FIT = 12
_FULL = 0.99
"""Part of the bytes that is enough of them."""
_COARSER = 1.6
"""Ratio of neighbouring steps where too many bytes are taken."""
_FARTHEST = math.log(4)
"""Of one step to the next, where nothing is known of the other side."""


class CodedSizes:
    """Codes tables and remembers what they took.

    Args:
        encode: callable. Codes all tables at one setting.

    Attributes:
        sizes: dict Settings -> int. Bytes of all that was coded.
    """

    def __init__(self, encode: Callable[[Settings], Coded]) -> None:
        self._encode = encode
        self.sizes: dict[Settings, int] = {}
        self._last: Coded | None = None

    def coded(self, settings: Settings) -> Coded:
        """The tables at one setting."""
        # The setting found for given bytes was mostly coded last, and comes again to be examined.
        if self._last is None or self._last.settings != settings:
            self._last = self._encode(settings)
            self.sizes[settings] = self._last.nbytes
        return self._last

    def step_for(self, way: Settings, nbytes: float, close: float) -> Settings:
        """The setting of a way whose step gives about `nbytes`, by secants of the logarithms.

        Args:
            way: Settings. Its step is where to begin where nothing was coded before.
            nbytes: float.
            close: float. How near they must come (logarithm); a few codings are tried.
        """
        for _ in range(_CODINGS_FOR_STEP):
            known = self._known(way)
            off = [math.log(size / nbytes) for _, size in known]
            nearest = min(range(len(known)), key=lambda k: abs(off[k])) if known else None
            if nearest is None:
                step = way.step * (self._like(way) / nbytes) ** (-1 / _SLOPE)
            elif abs(off[nearest]) <= close:
                break
            else:
                step = known[nearest][0] * math.exp(-off[nearest] / _slope_at(known, nearest))
            step = in_range(step)
            if any(step == other for other, _ in known):
                break
            self.coded(replace(way, step=step))
        step, _ = min(self._known(way), key=lambda point: abs(math.log(point[1] / nbytes)))
        return replace(way, step=step)

    def step_within(
        self, way: Settings, nbytes: float, max_bytes: float, close: float
    ) -> Settings | None:
        """As `step_for`, or the first coarser step that takes at most `max_bytes`, if any does.

        Where rows take little, bytes fall far slower with the step than they mostly do.
        """
        settings = self.step_for(way, nbytes, close)
        while self.sizes[settings] > max_bytes:
            if settings.step >= COARSEST:
                return None
            settings = replace(settings, step=min(settings.step * _COARSER, COARSEST))
            self.coded(settings)
        return settings

    def _known(self, way: Settings) -> list[tuple[float, int]]:
        """Steps of this way that were coded before and their bytes, the finest first."""
        return sorted(
            (at.step, size) for at, size in self.sizes.items() if way_of(at) == way_of(way)
        )

    def _like(self, way: Settings) -> float:
        """Bytes at the same step of some other way, to start from."""
        sizes = [size for at, size in self.sizes.items() if at.step == way.step]
        return sizes[-1] if sizes else self.coded(way).nbytes


def fit_step(encode: Callable[[Settings], Coded], settings: Settings, max_bytes: float) -> Coded:
    """Tables coded at a step that makes nearly the most of some bytes.

    Args:
        encode: callable. Codes all tables at one setting.
        settings: Settings. Its step is tried first.
        max_bytes: float. What the tables may take.

    Raises:
        ConfigError: Not even the coarsest step keeps to `max_bytes`.
    """
    best: Coded | None = None
    wanted = math.log(max_bytes * math.sqrt(_FULL))
    over = within = None
    for _ in range(_CODINGS_TO_FIT):
        coded = encode(settings)
        point = math.log(settings.step), math.log(coded.nbytes)
        if coded.nbytes <= max_bytes:
            # A finer step that takes no more: integers have come to their ends.
            is_finest = settings.step <= FINEST or (
                over is None and within is not None and point[1] <= within[1]
            )
            within = point
            if best is None or coded.nbytes > best.nbytes:
                best = coded
            if coded.nbytes >= _FULL * max_bytes or is_finest:
                break
        elif settings.step >= COARSEST:
            break
        else:
            over = point
        if over and within:
            # Between the two, near to neither: bytes may fall far faster than they mostly do.
            part = min(max((over[1] - wanted) / (over[1] - within[1]), 0.1), 0.9)
            moved = over[0] + part * (within[0] - over[0])
        else:
            moved = point[0] + min(max((wanted - point[1]) / _SLOPE, -_FARTHEST), _FARTHEST)
        settings = replace(settings, step=in_range(math.exp(moved)))
    if best is None:
        raise ConfigError(
            f"max_bytes: {max_bytes:,.0f} bytes are asked for, the tables take {coded.nbytes:,} "
            f"at step {coded.settings.step:.3g}; allow more"
        )
    return best


def in_range(step: float) -> float:
    """The nearest step that is tried."""
    return min(max(step, FINEST), COARSEST)


def _slope_at(known: Sequence[tuple[float, int]], nearest: int) -> float:
    """How fast the logarithm of bytes moves with that of the step, by the nearest two."""
    if len(known) == 1:
        return _SLOPE
    other = nearest + 1 if nearest + 1 < len(known) else nearest - 1
    (step, size), (other_step, other_size) = known[nearest], known[other]
    slope = math.log(other_size / size) / math.log(other_step / step)
    return min(max(slope, 2 * _SLOPE), _SLOPE / 2)
