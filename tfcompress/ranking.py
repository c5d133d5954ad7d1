"""Quality of a ranker over the full catalogue: nDCG@k and hit rate@k.

The rank of a target is 1 + the number of items that score higher + the number of items with the
same score and a smaller id. Ids 0 (padding) and 1 (out of vocabulary) are never ranked; a target
that is not in the vocabulary counts as a miss. With several targets a user's nDCG divides by the
DCG of the best possible list, and the hit rate asks for at least one target among the first k.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfcompress.data.dataset import Examples
from tfcompress.data.ragged import Ragged
from tfcompress.errors import ModelError
from tfcompress.vocabulary import FIRST_ID

Scorer = Callable[[NDArray[np.int32]], NDArray[np.float32]]


@dataclass(frozen=True)
class RankingQuality:
    """Means over users.

    Attributes:
        ndcg: float. nDCG@k in 0..1.
        hit_rate: float. Share of users with a target among the first k.
        k: int.
        num_users: int.
        unknown_targets: int. Targets outside the vocabulary, counted as misses.
        history_masked: bool. Whether items of the history were left out of the ranking.
    """

    ndcg: float
    hit_rate: float
    k: int
    num_users: int
    unknown_targets: int
    history_masked: bool

    def to_json(self) -> dict[str, float | int | bool]:
        """The keys of the `quality` object of `tfcompress measure --json`."""
        return {
            f"ndcg@{self.k}": self.ndcg,
            f"hr@{self.k}": self.hit_rate,
            "users": self.num_users,
            "unknown_targets": self.unknown_targets,
            "history_masked": self.history_masked,
        }
