"""Mixed widths: the rarer the ids of a tier, the narrower its rows."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.layers.base import CompressedEmbedding
from tfcompress.layers.budget import SizeRange, positive_integer
from tfcompress.layers.lookup import lookup
from tfcompress.layers.products import times_columns, times_rows
from tfcompress.layers.tables import Floats


def default_widths(output_dim: int) -> tuple[int, ...]:
    """D, D / 4, D / 16, .. down to 1, at most four: 64, 16, 4, 1."""
    widths = [max(1, output_dim // 4**tier) for tier in range(4)]
    return tuple(dict.fromkeys(widths))


def tier_boundaries(input_dim: int, widths: Sequence[int], head: int) -> tuple[int, ...]:
    """First ranks of the tiers after the first, if `head` ids have the full width.

    Each tier gets as many ids as its narrower rows allow for the parameters the head has; the last
    gets the rest. Every tier keeps at least one id.
    """
    sizes = [head * widths[0] // width for width in widths[:-1]]
    last = [input_dim - len(widths) + tier for tier in range(1, len(widths))]
    return tuple(min(int(start), most) for start, most in zip(np.cumsum(sizes), last, strict=True))


@keras.saving.register_keras_serializable(package="tfcompress")
class MixedWidthEmbedding(CompressedEmbedding):
    """Rows as wide as the id's frequency deserves: e_i = P_t E_t[i - first_t] in tier t.

    sum over tiers of n_t w_t + w_t D parameters. The projections lie side by side in one table P
    (D, sum of w_t), so that a lookup is one gather per tier and one FULLY_CONNECTED. E starts as
    Keras' own embedding, P_t normal with variance 1 / w_t, so that all tiers start alike.

    Args:
        input_dim: int. Number of ids n.
        output_dim: int. Width D.
        widths: sequence of int. w_t of each tier, the most frequent ids first.
        boundaries: sequence of int. First rank of each tier after the first, rising; one fewer than
            the widths.
        **kwargs: The common arguments of `CompressedEmbedding`; its initializer is that of E.

    Example:
    >>> layer = MixedWidthEmbedding.from_ratio(100_000, 64, ratio=16)
    >>> layer.widths, layer.boundaries
    ((64, 16, 4, 1), (1722, 8610, 36162))

    References:
        Ginart et al. 2019, Mixed Dimension Embeddings with Application to Memory-Efficient
        Recommendation Systems, section 3, https://arxiv.org/abs/1909.11810
    """

    size_argument = "boundaries"
    embeds_all_from = 1.0

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        widths: Sequence[int] | None = None,
        boundaries: Sequence[int] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(input_dim, output_dim, **kwargs)
        self.widths = _checked_widths(widths, self.output_dim)
        self.boundaries = tuple(positive_integer("boundaries", first) for first in boundaries)
        edges = (0, *self.boundaries, self.input_dim)
        if len(edges) != len(self.widths) + 1 or any(np.diff(edges) < 1):
            raise ConfigError(
                f"boundaries must be {len(self.widths) - 1} ranks that rise within "
                f"1..{self.input_dim - 1}; received {tuple(boundaries)}"
            )
        self._firsts = edges[:-1]
        self._sizes = [int(size) for size in np.diff(edges)]

    def build_tables(self) -> None:
        """E1 (n_1, w_1), E2 (n_2, w_2), .. and P (D, sum of w)."""
        self.E = [
            self.add_table(f"E{tier + 1}", size, width)
            for tier, (size, width) in enumerate(zip(self._sizes, self.widths, strict=True))
        ]
        self.P = self.add_table("P", self.output_dim, sum(self.widths), self._spread)

    def _spread(self, shape: Any, dtype: Any = None) -> Any:
        stddev = np.repeat(np.array(self.widths, np.float32) ** -0.5, self.widths)
        normal = keras.initializers.RandomNormal(stddev=1.0)  # by its own seed, as all starts
        return ops.cast(normal(shape) * stddev, dtype)

    def embed(self, ranks: Any) -> Any:
        """Narrow rows of all tiers side by side, zero but for the id's own, times P."""
        parts = []
        last = len(self.widths) - 1
        for tier, (first, size) in enumerate(zip(self._firsts, self._sizes, strict=True)):
            index, own = ranks, None
            # The first tier stays loud below, the last above.
            if tier < last:
                own = ranks < first + size
                index = ops.minimum(index, first + size - 1)
            if tier > 0:
                from_first = ranks >= first
                own = from_first if own is None else ops.logical_and(own, from_first)
                index = ops.maximum(index, first) - first
            rows = lookup(self.E[tier], index)
            parts.append(rows if own is None else ops.where(ops.expand_dims(own, -1), rows, 0.0))
        return times_rows(parts[0] if last == 0 else ops.concatenate(parts, axis=-1), self.P)

    def score(self, h: Any) -> Any:
        """Tier by tier (H P_t) E_t^T, side by side."""
        projected = times_columns(h, self.dense(self.P))
        scores = []
        start = 0
        for table, width in zip(self.E, self.widths, strict=True):
            scores.append(times_rows(projected[:, start : start + width], self.dense(table)))
            start += width
        return ops.concatenate(scores, axis=-1)

    def solve(self, matrix: Floats) -> dict[str, Floats]:
        """The first w_t principal directions of each tier's rows: least squares."""
        tables: dict[str, Floats] = {}
        projections = []
        for tier, (first, size) in enumerate(zip(self._firsts, self._sizes, strict=True)):
            rows = matrix[first : first + size]
            _, directions = np.linalg.eigh(rows.T @ rows)
            P = directions[:, ::-1][:, : self.widths[tier]]
            tables[f"E{tier + 1}"] = rows @ P
            projections.append(P)
        tables["P"] = np.concatenate(projections, axis=1)
        return tables

    @classmethod
    def sizes(
        cls,
        input_dim: int,
        output_dim: int,
        *,
        widths: Sequence[int] | None = None,
        **layer_args: Any,
    ) -> SizeRange:
        """Ids of full width, from one to as many as leave each later tier one id."""
        chosen = _checked_widths(widths, output_dim)

        def boundaries(head: int) -> tuple[int, ...]:
            return tier_boundaries(input_dim, chosen, head)

        def parameters(head: int) -> int:
            counts = np.diff((0, *boundaries(head), input_dim))
            return int((counts + output_dim) @ np.array(chosen))

        return SizeRange(1, input_dim - len(chosen) + 1, parameters, boundaries)

    def size_arguments(self) -> dict[str, Any]:
        """The widths and where each begins."""
        return {"widths": self.widths, "boundaries": self.boundaries}


def _checked_widths(widths: Sequence[int] | None, output_dim: int) -> tuple[int, ...]:
    if widths is None:
        return default_widths(positive_integer("output_dim", output_dim))
    checked = tuple(positive_integer("widths", width, maximum=output_dim) for width in widths)
    if not checked or any(np.diff(checked) > 0):
        raise ConfigError(f"widths must not rise from tier to tier; received {tuple(widths)}")
    return checked
