"""Mode `predictive`: columns predicted from columns, then as `context`: the most ratio.

Model: that of `context` with the number of pivots in its head, then

    u16 columns of the pivots, where not all columns are pivots
    bytes: shift of each column, in stream order
    bytes: low bytes of the biases (int16, in 1/8), then bytes: high bytes
    bytes: weights of each column, int8, one for each pivot that stands before it
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tfcompress.codec.classes import fit_classes
from tfcompress.codec.context import TRIED_VALUES, ContextCoder, finish, fit_sample
from tfcompress.codec.predictor import (
    MAX_PREDICTED,
    Predictor,
    PredictorFit,
    nothing_predicted,
)
from tfcompress.codec.source import Source
from tfcompress.errors import ConfigError

U8 = NDArray[np.uint8]

PIVOTS = (0, 8, 16, 32, 64, 128, 256)
FITTED_VALUES = 1 << 24
_TRIED_CLASSES = 16


def plan(
    source: Source,
    tick: Callable[[int], None],
    max_table_bytes: int,
    max_pivots: int = MAX_PREDICTED,
) -> ContextCoder:
    """The coder for a table of integers.

    Args:
        source: Source. int8, uint8 or int4.
        tick: callable. Receives the number of rows done.
        max_table_bytes: int. Limit on the tables of slots.
        max_pivots: int. Limit on the columns that others are predicted from.

    Raises:
        ConfigError: The table is of floats, or wider than 4096 columns.
    """
    if not can_predict(source):
        raise ConfigError(
            f"mode: 'predictive' is for int8, uint8 and int4 tables of up to {MAX_PREDICTED} "
            f"columns, got {source.dtype} with {source.columns}; use 'context'"
        )
    sample = source.sample(FITTED_VALUES)
    values = sample.split(0, sample.rows)[0]
    predictor = fit_predictor(values, source, max_pivots)
    few = np.ascontiguousarray(values[:: max(1, values.size // TRIED_VALUES)])
    fit = fit_sample(predictor.residuals(few), "int8", max_table_bytes, source.rows)

    def stream(table: Source, start: int, stop: int) -> tuple[U8, U8]:
        symbols, rest = table.split(start, stop)
        return predictor.residuals(symbols), rest

    return finish(
        source,
        stream,
        fit,
        tick,
        mode="predictive",
        pivots=predictor.pivots,
        predictor=predictor.to_bytes(),
    )


def can_predict(source: Source) -> bool:
    """Whether the mode is offered for this table."""
    return source.dtype in ("int8", "uint8", "int4") and source.columns <= MAX_PREDICTED


def predictor_bytes(columns: int, pivots: int) -> int:
    """Memory that a decoder takes for the predictor."""
    return columns * 8 + 2 * (-(-columns // 8) * 8) * (-(-pivots // 8) * 8)


def products(columns: int, pivots: int) -> float:
    """Multiplications that predicting a row takes."""
    return columns * pivots - pivots * (pivots + 1) / 2


def fit_predictor(values: U8, source: Source, max_pivots: int) -> Predictor:
    """The predictor whose weights and residuals together take the fewest bytes."""
    columns = source.columns
    # A pivot costs up to a byte a column: beyond half the rows it cannot pay, and takes long.
    max_pivots = min(max_pivots, source.rows // 2)
    options = [k for k in PIVOTS if k < columns] + [columns]
    options = [k for k in options if k <= max_pivots]
    limit = 8 if source.dtype == "int4" else 128
    # Without pivots the means are left to fit, which few rows do not pay for: 2 bytes a column.
    is_vain = max(options) == 0 and source.rows < 2 * PIVOTS[1]
    if not values.size or is_vain:
        return nothing_predicted(columns, limit)
    fit = PredictorFit(values, limit, source.rows, max(options))
    few = np.ascontiguousarray(values[:: max(1, values.size // TRIED_VALUES)])
    best: tuple[float, Predictor] | None = None
    for pivots in options:
        predictor = fit.predictor(pivots)
        _, bits = fit_classes(predictor.residuals(few), "int8", _TRIED_CLASSES, 12, rounds=0)
        total = bits / max(1, len(few)) * source.rows / 8 + len(predictor.to_bytes())
        if best is None or total < best[0]:
            best = total, predictor
        elif total > 1.02 * best[0]:  # more pivots only add weights from here on
            break
    assert best is not None
    return best[1]
