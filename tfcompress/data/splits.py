"""Which interactions are for training, for validation and for the test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfcompress.data.dataset import Examples
from tfcompress.data.ragged import Ragged

HELD_OUT_NOTE = "no validation file: one training item of each user is held out for it"
_HOLD_OUT_SEED = 0


@dataclass(frozen=True)
class Split:
    """Rows of token indices, before a vocabulary gives them their ids.

    Attributes:
        name: str. "leave-one-out" or "given".
        ordered: bool. Whether the order inside a row is the order in time.
        train: Ragged. One row per user.
        valid: Examples.
        test: Examples.
        notes: tuple of str. Decisions a reader of the results should know of.
    """

    name: str
    ordered: bool
    train: Ragged
    valid: Examples
    test: Examples
    notes: tuple[str, ...] = ()


def leave_one_out(rows: Ragged) -> Split:
    """Chronological leave-one-out: a user's last item is the test, the one before validation.

    The history of a test example is everything before it, the validation item included. Users with
    fewer than 3 items are in the training part only, with all they have.
    """
    enough = rows.lengths >= 3
    after = rows.values_after()
    held_out = np.repeat(enough, rows.lengths)
    chosen = rows.take(np.flatnonzero(enough))
    chosen_after = chosen.values_after()
    train = rows.where(~held_out | (after >= 2))
    notes: tuple[str, ...] = ()
    if short := int((~enough).sum()):
        notes = (f"users with fewer than 3 interactions ({short}) are in the training part only",)
    return Split(
        name="leave-one-out",
        ordered=True,
        train=train,
        valid=Examples(chosen.where(chosen_after >= 2), chosen.where(chosen_after == 1)),
        test=Examples(chosen.where(chosen_after >= 1), chosen.where(chosen_after == 0)),
        notes=notes,
    )


def given(train: Ragged, valid: Ragged | None, test: Ragged, *, ordered: bool) -> Split:
    """A split that came as files; row u is the same user in each.

    A validation example has the user's training items as history. A test example has the training
    and the validation items: both count as seen, as is standard where a file of each is given. In
    ordered data the validation items are the newer ones and stand last; without an order they
    stand first, so that a model of the last L items reads training items as long as there are
    any. Users without items in a part have no example there.

    Args:
        train: Ragged. Training items by user.
        valid: Ragged or None. Without it, one training item of each user who has at least two is
            held out: the last one in ordered data, otherwise one drawn with a fixed seed.
        test: Ragged. Test items by user.
        ordered: bool. Whether the order inside a row is the order in time.
    """
    notes: tuple[str, ...] = ()
    if valid is None:
        (train, valid), notes = hold_out(train, ordered=ordered), (HELD_OUT_NOTE,)
    seen = train.append(valid) if ordered else valid.append(train)
    return Split(
        name="given",
        ordered=ordered,
        train=train.take(np.flatnonzero(train.lengths)),
        valid=examples(train, valid),
        test=examples(seen, test),
        notes=notes,
    )


def examples(history: Ragged, targets: Ragged) -> Examples:
    """One example for each row that has targets."""
    rows = np.flatnonzero(targets.lengths)
    return Examples(history.take(rows), targets.take(rows))


def hold_out(train: Ragged, *, ordered: bool) -> tuple[Ragged, Ragged]:
    """Takes one item out of each row that has at least two: the last one, or a random one.

    Returns:
        The rows without it, and rows of that item alone (or of nothing).
    """
    lengths = train.lengths
    after = np.zeros(len(lengths), np.int64)
    if not ordered:
        draws = np.random.default_rng(_HOLD_OUT_SEED).random(len(lengths))
        after = (draws * lengths).astype(np.int64)
    after[lengths < 2] = -1
    held_out = train.values_after() == np.repeat(after, lengths)
    return train.where(~held_out), train.where(held_out)
