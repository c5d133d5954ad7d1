"""A proof of how short the worst row can get under any one prefix code.

Take any weights w over some rows and let m_s = sum_r w_r n_rs / sum_r w_r be their mean count of
symbol s. The worst row costs at least the mean, so no code of lengths l_s in 1..L gets it below

    code_bound = the least sum_s m_s l_s over all prefix codes of the symbols that occur

(an optimal length-limited code for m), and, with any mu >= 0 for Kraft's inequality, not below

    bound = sum_s min over 1 <= l <= L of (m_s l + mu 2^-l)  -  mu    <=  code_bound

which is a sum over symbols that anyone can recompute. Both are exact fractions: the weights are
whole numbers, and `Certificate.check` uses Python's integers only, reads the table itself and calls
nothing of the search that found the weights.
"""

import json
import math
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tfcompress.codec.worst_row.relaxation import relax
from tfcompress.codec.worst_row.row_source import RowSource, TableRows
from tfcompress.errors import ConfigError, DataError
from tfcompress.prefix_codes import length_limited_lengths

_WEIGHT_SCALE = 1 << 24
_BLOCK_VALUES = 1 << 22
_FIELDS = ("max_length", "rows", "weights", "mu", "bound", "code_bound")


@dataclass(frozen=True)
class Certificate:
    """A lower bound on the stride, in bits, of one prefix code for every row of a table.

    Attributes:
        max_length: int. The bound holds for codes of words up to this long, L.
        rows: tuple of int. The active rows, ascending.
        weights: tuple of int. Their weights, positive, in any common unit.
        mu: Fraction. The price of Kraft's inequality in `bound`.
        bound: Fraction. Bits; the separable bound of the module's docstring.
        code_bound: Fraction. Bits; the sharper bound by an optimal code for the weighted rows.
    """

    max_length: int
    rows: tuple[int, ...]
    weights: tuple[int, ...]
    mu: Fraction
    bound: Fraction
    code_bound: Fraction

    @property
    def stride(self) -> int:
        """The proven least number of bits of the worst row: whole, as every row's cost is."""
        return math.ceil(max(self.bound, self.code_bound))

    def saved(self, columns: int) -> float:
        """The most that can be saved against 8 bits a value, as a fraction."""
        return 1 - self.stride / (8 * columns) if columns else 0.0

    def check(self, table: NDArray[np.int8] | NDArray[np.uint8]) -> bool:
        """Whether the weights prove both bounds for `table`, in exact arithmetic.

        Args:
            table: int8 or uint8 array, shape `(n, D)`.

        Returns:
            bool. False where a row does not exist, a weight is not positive, mu is negative, or a
            bound is higher than the weights prove.
        """
        if len(self.rows) != len(self.weights) or len(set(self.rows)) != len(self.rows):
            return False
        if not all(0 <= row < len(table) for row in self.rows):
            return False
        if self.mu < 0 or not all(weight > 0 for weight in self.weights):
            return False
        symbols = _symbols_that_occur(table)
        if len(symbols) < 2:
            return self.bound <= 0 and self.code_bound <= 0
        if not self.rows or 2**self.max_length < len(symbols):
            return False
        masses = dict.fromkeys(symbols, 0)
        for row, weight in zip(self.rows, self.weights, strict=True):
            for symbol, count in Counter(table[row].tolist()).items():
                masses[symbol] += weight * count
        total = sum(self.weights)
        separable = Fraction(-total) * self.mu
        for mass in masses.values():
            separable += min(
                mass * length + total * self.mu / 2**length
                for length in range(1, self.max_length + 1)
            )
        cheapest = _cheapest_code(list(masses.values()), self.max_length)
        return self.bound <= separable / total and self.code_bound <= Fraction(cheapest, total)

    def to_json(self) -> str:
        """The certificate as one JSON object; fractions are strings such as "13/2"."""
        values: dict[str, Any] = {field: getattr(self, field) for field in _FIELDS}
        return json.dumps({k: str(v) if isinstance(v, Fraction) else v for k, v in values.items()})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            DataError: `text` is not such an object.
        """
        try:
            values = json.loads(text)
            if set(values) != set(_FIELDS):
                raise ValueError(f"fields {sorted(values)}")
            return cls(
                int(values["max_length"]),
                tuple(int(row) for row in values["rows"]),
                tuple(int(weight) for weight in values["weights"]),
                *(Fraction(values[field]) for field in ("mu", "bound", "code_bound")),
            )
        except (ValueError, TypeError, AttributeError, ZeroDivisionError) as error:
            raise DataError(f"certificate: not the JSON that to_json writes ({error})") from None


def certify(
    table: NDArray[np.int8] | NDArray[np.uint8] | RowSource, max_length: int = 12
) -> Certificate:
    """Proves a lower bound on the stride of any single prefix code with words up to `max_length`.

    Args:
        table: int8 or uint8 array, shape `(n, D)`, which may be a `np.memmap`; or the `RowSource`
            of one, to share its passes over the table with `search_fixed_code`.
        max_length: int. The longest word allowed, 1 to 48.

    Returns:
        Certificate. Zero bits for a table of one symbol, which needs no code.

    Raises:
        ConfigError: `table` is not of bytes, or words of `max_length` cannot tell its symbols
            apart.
    """
    source = TableRows(table) if isinstance(table, np.ndarray) else table
    symbols = np.flatnonzero(source.totals)
    check_max_length(max_length, len(symbols))
    if len(symbols) < 2:
        return Certificate(max_length, (), (), Fraction(0), Fraction(0), Fraction(0))
    if len(symbols) == 2:
        # Both words have one digit, so every row costs as many bits as it has values.
        longest = np.argmax(source.costs(np.ones(len(source.totals))))
        rows, weights = np.array([longest]), np.ones(1, np.int64)
    else:
        with threadpool_limits(1, "blas"):
            relaxation = relax(source, max_length)
        rows = relaxation.rows
        weights = np.rint(relaxation.weights * _WEIGHT_SCALE).astype(np.int64)
        order = np.argsort(rows)
        rows, weights = rows[order][weights[order] > 0], weights[order][weights[order] > 0]
    masses = weights @ source.counts(rows)[:, symbols]
    mu = _best_mu([int(mass) for mass in masses], max_length)
    total = int(weights.sum())
    cheapest = int(masses @ length_limited_lengths(masses, max_length))
    return Certificate(
        max_length,
        tuple(rows.tolist()),
        tuple(weights.tolist()),
        mu / total,
        _separable_bound([int(mass) for mass in masses], mu, max_length) / total,
        Fraction(cheapest, total),
    )


def check_max_length(max_length: int, num_symbols: int) -> None:
    """Raises `ConfigError` unless words of 1 to `max_length` bits can tell the symbols apart."""
    if not 1 <= max_length <= 48:
        raise ConfigError(f"max_length: got {max_length!r}, expected 1 to 48 bits")
    if 2**max_length < num_symbols:
        raise ConfigError(
            f"max_length: words of {max_length} bits cannot tell {num_symbols} symbols apart; "
            f"use {(num_symbols - 1).bit_length()} or more"
        )


def _separable_bound(masses: list[int], mu: Fraction, max_length: int) -> Fraction:
    """The separable bound in the unit of the weights: `masses` and `mu` are not divided yet."""
    cheapest = [
        min(mass * length + mu / 2**length for length in range(1, max_length + 1))
        for mass in masses
    ]
    return sum(cheapest, -mu)


def _best_mu(masses: list[int], max_length: int) -> Fraction:
    """The mu of the greatest separable bound.

    The bound is concave in mu, and linear between the places where a symbol changes from one
    length to the next: m l + mu 2^-l = m (l + 1) + mu 2^-(l+1) at mu = m 2^(l+1).
    """
    places = sorted({mass << (k + 1) for mass in masses for k in range(1, max_length)} or {0})
    low, high = 0, len(places) - 1
    while low < high:
        middle = (low + high) // 2
        here, there = (
            _separable_bound(masses, Fraction(places[k]), max_length) for k in (middle, middle + 1)
        )
        if there > here:
            low = middle + 1
        else:
            high = middle
    return Fraction(places[low])


def _symbols_that_occur(table: NDArray[Any]) -> list[int]:
    """The values of `table`, read some rows at a time."""
    symbols: set[int] = set()
    step = max(1, _BLOCK_VALUES // max(1, table.shape[1]))
    for start in range(0, len(table), step):
        symbols.update(np.unique(table[start : start + step]).tolist())
    return sorted(symbols)


def _cheapest_code(masses: list[int], max_length: int) -> int:
    """Cost of an optimal code of words up to `max_length`, by collecting coins.

    A word of length l buys one coin of each value 2^-1..2^-l at the price of its mass; coins worth
    n - 1 in all make a code. Coins of the smallest value are paired and offered as one of the next.
    """
    packages: list[int] = []
    for _ in range(max_length):
        offers = sorted(masses + packages)
        packages = [a + b for a, b in zip(offers[::2], offers[1::2], strict=False)]
    return sum(packages[: len(masses) - 1])
