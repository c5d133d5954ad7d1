"""Rows of large batches out of the whole table, computed once.

A large batch of a data set of few items holds more ids than there are items. Where a row is
computed from several others, that and its gradient cost more for every id than for every item once:
a step of tensor train on amazon_games_seq takes a fifteenth so.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from keras import ops

_wanted = ContextVar("whole tables wanted", default=False)


@contextmanager
def whole_tables() -> Iterator[None]:
    """Has layers read large batches from their whole tables, as they do in training.

    For the evaluation of many ids; values change by rounding at most. What Keras compiles within
    stays so. Not around an export, whose file would hold both ways of reading.
    """
    token = _wanted.set(True)
    try:
        yield
    finally:
        _wanted.reset(token)


def are_whole_tables_wanted() -> bool:
    """Whether the call is within `whole_tables`."""
    return _wanted.get()


def by_size(ids: Any, least: int, many: Callable[[Any], Any], few: Callable[[Any], Any]) -> Any:
    """One function of ids or another that gives the same, by how many there are.

    Args:
        ids: int32 tensor of any shape.
        least: int. From so many ids on, `many` is called.
        many: callable. Tensor of ids -> tensor.
        few: callable. The same.

    Returns:
        What the chosen one gives; decided while the step runs where the shape is not static.
    """
    if None in ids.shape:
        return ops.cond(ops.size(ids) >= least, lambda: many(ids), lambda: few(ids))
    return (many if math.prod(ids.shape) >= least else few)(ids)
