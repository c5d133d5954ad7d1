"""Ways of coding, which are all settings but the step, and the neighbours of one."""

from dataclasses import replace

from tfcompress.search.settings import Settings

_EXPONENT_MOVE = 0.125
_WEIGHT_MOVE = 1.5
_MAX_EXPONENT = 1.25
_MAX_WEIGHT = 1.0
_SHRINKAGES = (0.0, 0.75, 1.5, 3.0, 6.0, 12.0, 24.0)


def way_of(at: Settings) -> Settings:
    """The same for all settings of one way."""
    return replace(at, step=1.0)


def other_rotation(at: Settings) -> list[Settings]:
    """Rotated where it is not, and the other way round."""
    return [replace(at, rotation=not at.rotation)]


def other_exponents(at: Settings) -> list[Settings]:
    """Row steps that grow a little faster and slower."""
    moved = (at.row_step_exponent + _EXPONENT_MOVE, at.row_step_exponent - _EXPONENT_MOVE)
    return [replace(at, row_step_exponent=e) for e in moved if 0 <= e <= _MAX_EXPONENT]


def other_weights(at: Settings) -> list[Settings]:
    """A bit that weighs a little more and less."""
    moved = (at.rate_weight * _WEIGHT_MOVE, at.rate_weight / _WEIGHT_MOVE)
    return [replace(at, rate_weight=round(w, 4)) for w in moved if w <= _MAX_WEIGHT]


def other_shrinkages(at: Settings) -> list[Settings]:
    """Rare rows drawn a little more and less to the mean row."""
    nearest = sorted(_SHRINKAGES, key=lambda k: abs(k - at.rare_shrinkage))
    below = [k for k in nearest if k < at.rare_shrinkage][:1]
    above = [k for k in nearest if k > at.rare_shrinkage][:1]
    return [replace(at, rare_shrinkage=k) for k in above + below]
