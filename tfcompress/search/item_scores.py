"""Scores of items by inner products, and the item biases that make up for errors in coded rows.

Where scores are taken against a coded table (tied outputs, coded output matrices), the errors of a
row shift the scores of its item, and those of rare items, which are coarser, more: they sink or
rise as a whole. The bias of an item is stored as a float anyway, so it takes the shift back. It is
set such that every item has the probability that the trained model gives it, in the mean over some
examples; the softmax's divergence from that of the trained model is convex in the biases, and least
there. No labels, no bytes.

Reference:
    Deming and Stephan 1940, "On a least squares adjustment of a sampled frequency table when the
    expected marginal totals are known" (iterative proportional fitting, of which this is one side).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfcompress.vocabulary import FIRST_ID

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

SCORED_EXAMPLES = 4096
"""Examples that show enough of what scores are taken with."""
_BATCH_SCORES = 1 << 24
"""Scores of a batch of examples: 64 MB of float32, of which some copies are held."""
_ROUNDS = 3
_ROWS_AT_ONCE = 16
_LEAST = 1e-5
"""Added to mean probabilities: items that examples hardly call for keep their biases."""


@dataclass(frozen=True)
class ItemScores:
    """`vectors @ rows.T + bias`, scores of n items for some examples, and their softmax.

    Attributes:
        vectors: float32 array `(examples, D)`. What scores are taken with.
        rows: float32 array `(n, D)`. The table.
        bias: float32 array `(n,)`.
        first_id: int. Ids below are never an answer.
    """

    vectors: F32
    rows: F32
    bias: F32
    first_id: int = FIRST_ID

    def calls(self) -> F64:
        """How often each item is called for: its mean probability, `(n,)`."""
        total = np.zeros(len(self.rows))
        for _, shares in self._batches():
            total += shares.sum(axis=0)
        return total / max(1, len(self.vectors))

    def fitted_bias(self, calls: F64) -> F32:
        """Biases with which each item is called for as often as `calls` says."""
        scores = self
        for _ in range(_ROUNDS):
            shift = np.log((calls + _LEAST) / (scores.calls() + _LEAST))
            scores = replace(scores, bias=(scores.bias + shift).astype(np.float32))
        return scores.bias

    def logits(self) -> F32:
        """The scores, `(examples, n)`, minus infinity for what is no answer."""
        return self.vectors @ self.rows.T + self._offsets()

    def information(self) -> tuple[F64, F64]:
        """The Fisher information of the columns of `rows`, and what biases take back of it.

        Errors e in the rows of items harm by the mean square of e h, where h are the vectors,
        weighted by p (1 - p), p being the item's probability; beside biases fitted to them, by the
        variance of e h, which is the first array less the second: the Schur complement of the
        biases in the information of both.

        Returns:
            Two float64 arrays `(D, D)`, sums over the examples: the information, and the part of it
            that fitted biases take back.
        """
        columns = self.rows.shape[1]
        exact = np.zeros((columns, columns))
        sums, weights = np.zeros(self.rows.shape), np.zeros(len(self.rows))
        for vectors, shares in self._batches():
            uncertain = shares * (1 - shares)
            exact += (vectors * uncertain.sum(axis=1)[:, None]).T.astype(np.float64) @ vectors
            sums += uncertain.T @ vectors
            weights += uncertain.sum(axis=0)
        taken = sums.T @ (sums / np.maximum(weights, np.finfo(np.float32).tiny)[:, None])
        return exact, taken

    def row_information(self, rows: NDArray[np.int64], *, biased: bool) -> tuple[F32, F64]:
        """The Fisher information of rows one by one, where `information` has that of all together.

        Args:
            rows: int64 array, shape `(k,)`. Items whose matrices are wanted.
            biased: bool. Whether biases take back what they can of it.

        Returns:
            float32 array, shape `(k, D, D)`, and the traces of those of all items, float64, shape
            `(n,)`. Sums over the examples.
        """
        columns = self.rows.shape[1]
        parts = [slice(k, k + _ROWS_AT_ONCE) for k in range(0, len(rows), _ROWS_AT_ONCE)]
        sums, weights = np.zeros(self.rows.shape), np.zeros(len(self.rows))
        traces, own = np.zeros(len(self.rows)), np.zeros((len(rows), columns, columns), np.float32)
        for vectors, shares in self._batches():
            uncertain = shares * (1 - shares)
            traces += np.square(vectors).sum(axis=1) @ uncertain
            sums += uncertain.T @ vectors
            weights += uncertain.sum(axis=0)
            of_rows = np.ascontiguousarray(uncertain[:, rows].T)
            for part in parts:
                weighted = of_rows[part, :, None] * vectors
                own[part] += weighted.transpose(0, 2, 1) @ vectors
        if biased:
            means = sums / np.maximum(weights, np.finfo(np.float32).tiny)[:, None]
            traces -= np.einsum("rc,rc->r", sums, means)
            for part in parts:
                own[part] -= sums[rows[part], :, None] * means[rows[part], None]
        return own, np.maximum(traces, 0)

    def _batches(self) -> Iterator[tuple[F32, F32]]:
        """Some vectors and the probabilities of all items, `(batch, n)`."""
        offsets = self._offsets()
        size = max(1, _BATCH_SCORES // len(self.rows))
        for start in range(0, len(self.vectors), size):
            vectors = self.vectors[start : start + size]
            shares = vectors @ self.rows.T
            shares += offsets
            shares -= shares.max(axis=1, keepdims=True)
            np.exp(shares, out=shares)
            shares /= shares.sum(axis=1, keepdims=True)
            yield vectors, shares

    def _offsets(self) -> F32:
        offsets = self.bias.astype(np.float32)
        offsets[: self.first_id] = -np.inf
        return offsets
