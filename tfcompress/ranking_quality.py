"""What ranking for many users came to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RankingQuality:
    """Means over users.

    Attributes:
        ndcg: float. nDCG@k in 0..1.
        hit_rate: float. Share of users with a target among the first k.
        k: int.
        num_users: int. Users with at least one target.
        unknown_targets: int. Targets outside the vocabulary, counted as misses.
        history_masked: bool. Whether items of the history were left out of the ranking.
        top_k: int or None. Length of the lists of a model that returns its K best ids only.
        short_lists: int. Lists with fewer than k items once seen items had left: such a user might
            have found a target if the model returned more.
        soft_gain: float. Mean over users of the sum of k / (k + rank), over the targets among the
            first k and the one after them. It falls with nDCG, but smoothly, since a target just
            below the list counts nearly as much as one at its end: what tells two models apart
            that are nearly as good as each other. By lists, of targets that are listed only.
    """

    ndcg: float
    hit_rate: float
    k: int
    num_users: int
    unknown_targets: int
    history_masked: bool
    top_k: int | None = None
    short_lists: int = 0
    soft_gain: float = 0.0

    @property
    def headline(self) -> tuple[str, float]:
        """What tables show."""
        return f"nDCG@{self.k}", self.ndcg

    def to_json(self) -> dict[str, float | int | bool]:
        """The keys of the `quality` object of `tfcompress measure --json`."""
        result: dict[str, float | int | bool] = {
            f"ndcg@{self.k}": self.ndcg,
            f"hr@{self.k}": self.hit_rate,
            "users": self.num_users,
            "unknown_targets": self.unknown_targets,
            "history_masked": self.history_masked,
        }
        if self.top_k is not None:
            result |= {"top_k": self.top_k, "short_lists": self.short_lists}
        return result

    def conditions(self) -> str:
        """What the numbers stand for, for a note below a table."""
        masked = "left out" if self.history_masked else "ranked too"
        count = self.unknown_targets
        unknown = f", {count:,} unknown target{'s' * (count > 1)}" if count else ""
        return f"{self.num_users:,} users, whole catalogue, seen items {masked}{unknown}"

    def reservations(self) -> str:
        """What makes them lower than they could be; empty where nothing does."""
        if not self.short_lists:
            return ""
        return f"{self.short_lists:,} lists of {self.top_k} held fewer than {self.k} unseen items"
