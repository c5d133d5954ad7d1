"""Training samples of a sequence ranker: every item of every user, with the items before it."""

import numpy as np
from numpy.typing import NDArray

from tfcompress.data.ragged import Ragged
from tfcompress.vocabulary import FIRST_ID


class TrainingWindows:
    """Batches of (last L ids, next id), shuffled anew each epoch: a function of (seed, epoch, k).

    Nothing is materialised: a batch is cut out of the flat rows when it is asked for. Where the
    rows have no order in time, each epoch reads every row in an order of its own, so that a target
    meets a different sample of the other items each time.

    Args:
        rows: Ragged. One row of ids per user.
        length: int. L.
        batch_size: int. Samples per batch; the last, shorter batch of an epoch is left out when
            there is a full one, so that compiled steps meet one shape.
        ordered: bool. Whether rows are in the order of time. Ids below 2 are never targets; in
            rows without order they are no history either.
        seed: int.
    """

    def __init__(
        self, rows: Ragged, *, length: int, batch_size: int, ordered: bool, seed: int
    ) -> None:
        self._rows = rows
        self._length = length
        self._ordered = ordered
        self._seed = seed
        owner = rows.row_of_value()
        if not ordered:
            # A position holds another id each epoch, so that no position may hold an unknown one.
            known = rows.values >= FIRST_ID
            lengths = np.bincount(owner[known], minlength=len(rows)).astype(np.int64)
            rows, owner = Ragged.from_lengths(rows.values[known], lengths), owner[known]
            self._rows = rows
        is_target = np.arange(len(owner)) > rows.offsets[owner]
        self._targets = np.flatnonzero(is_target & (rows.values >= FIRST_ID))
        self._starts = rows.offsets[owner]
        self._owner = owner
        self.batch_size = min(batch_size, max(len(self._targets), 1))
        self.num_samples = len(self._targets)
        self.num_batches = self.num_samples // self.batch_size

    def epoch(self, epoch: int) -> "EpochBatches":
        """The batches of one epoch, counted from 0."""
        generator = np.random.default_rng([self._seed, epoch])
        values = self._rows.values
        if not self._ordered:
            order = np.lexsort((generator.random(len(values)), self._owner))
            values = values[order]
        return EpochBatches(
            values=values,
            starts=self._starts,
            positions=generator.permutation(self._targets),
            length=self._length,
            batch_size=self.batch_size,
        )


class EpochBatches:
    """The batches of one epoch; `batch(k)` gives ids int32 `(B, L)` and targets int32 `(B,)`."""

    def __init__(
        self,
        *,
        values: NDArray[np.int32],
        starts: NDArray[np.int64],
        positions: NDArray[np.int64],
        length: int,
        batch_size: int,
    ) -> None:
        self._values = values
        self._starts = starts
        self._positions = positions
        self._length = length
        self._batch_size = batch_size

    def __len__(self) -> int:
        return len(self._positions) // self._batch_size

    def batch(self, index: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Batch `index`, padded with 0 on the left."""
        targets = self._positions[index * self._batch_size : (index + 1) * self._batch_size]
        reads = targets[:, None] + np.arange(-self._length, 0)
        inside = reads >= self._starts[targets, None]
        ids = np.where(inside, self._values[np.where(inside, reads, 0)], np.int32(0))
        return ids, self._values[targets]
