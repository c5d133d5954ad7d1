"""What no other beats in both size and quality."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")


def unbeaten(
    items: Iterable[Item], size: Callable[[Item], float], quality: Callable[[Item], float]
) -> list[Item]:
    """The items that no other one beats in both, smallest first; the first one of equals.

    Args:
        items: iterable.
        size: callable. Of an item; lower is better.
        quality: callable. Of an item; higher is better.
    """
    front: list[Item] = []
    for item in sorted(items, key=lambda item: (size(item), -quality(item))):
        if not front or quality(item) > quality(front[-1]):
            front.append(item)
    return front
