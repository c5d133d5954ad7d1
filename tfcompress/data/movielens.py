"""MovieLens as GroupLens ships it: ratings.dat (ml-1m, ml-10m), u.data (ml-100k).

A row is user, film, rating and time, between `::` in ratings.dat and tabs in u.data (and the folds
u1.base, ua.test, ... beside it), without a header. tags.dat of ml-10m has the tag in place of the
rating. Only users, films and times are read, which are numbers, so that the Latin-1 of ml-1m's
titles does not matter. ml-20m, ml-25m and later have a ratings.csv with a header, an ordinary CSV.

Source: README of each archive, https://files.grouplens.org/datasets/movielens/.
"""

from __future__ import annotations

from pathlib import Path

from tfcompress.data import delimited
from tfcompress.data.delimited import Layout

NAMES = ("UserID", "MovieID", "Rating", "Timestamp")
RATINGS = ("ratings.dat", "ratings.csv", "u.data")
"""Names of the file of interactions among the others of an archive."""


def layout(path: Path) -> Layout:
    """The layout, with the delimiter that occurs; raises `DataError` for an empty file."""
    double = any("::" in line for line in delimited.first_lines(path))
    return Layout("::" if double else "\t", names=NAMES)
