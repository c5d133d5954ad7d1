from pathlib import Path

import pytest

from tfcompress.data.columns import Columns, choose_columns, looks_like_header
from tfcompress.errors import DataError

PATH = Path("ratings.csv")


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["user", "item"], ("user", "item", None)),
        (["userId", "movieId", "rating", "timestamp"], ("userId", "movieId", "timestamp")),
        (["user_id:token", "item_id:token", "timestamp:float"],
         ("user_id:token", "item_id:token", "timestamp:float")),
        (["rating", "User ID", "parent_asin", "Date"], ("User ID", "parent_asin", "Date")),
        (["session_id", "user", "item", "ts"], ("user", "item", "ts")),
        (["session_id", "article_id", "time", "timestamp"],
         ("session_id", "article_id", "timestamp")),
    ],
)  # fmt: skip
def test_common_names_are_found(names, chosen):
    assert choose_columns(PATH, names) == Columns(*chosen)


def test_names_asked_for_win():
    names = ["user", "item", "time", "a", "b", "c"]
    asked = {"user_column": "a", "item_column": "b", "time_column": "c"}
    assert choose_columns(PATH, names, **asked) == Columns("a", "b", "c")


def test_a_column_that_is_taken_is_not_found_as_another():
    names = ["user", "item", "date"]
    assert choose_columns(PATH, names, item_column="date") == Columns("user", "date", None)


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["x", "item"], {}, "no user column among 'x', 'item'; name it with --user-column"),
        (["user", "x"], {}, "no item column among 'user', 'x'; name it with --item-column"),
        (["user", "item"], {"item_column": "i"}, "no column 'i' among .*correct --item-column"),
        (["user", "item"], {"time_column": "t"}, "no column 't' among .*correct --time-column"),
        (["user", "item", "item"], {}, "'item', 'item' could all be the item column"),
        (["u", "u", "item"], {"user_column": "u"}, "2 columns named 'u'"),
        (["user", "movie_id", "artist_id"], {}, "'movie_id', 'artist_id' could all be the item"),
        (["user", "item", "time", "date"], {}, "could all be the time column"),
        ([f"c{k}" for k in range(30)], {}, "'c19' and 10 more; name it"),
        (["user", "item"], {"user_column": "item"}, "'item' is both the user and the item column"),
        (["user", "item"], {"time_column": "item"}, "'item' is both the item and the time column"),
    ],
)
def test_columns_that_cannot_be_told(names, options, message):
    with pytest.raises(DataError, match=rf"^ratings.csv, line 1: .*{message}"):
        choose_columns(PATH, names, **options)


def test_headers():
    assert looks_like_header(["user", "item"])
    assert looks_like_header(["time", "movieId", "user_id:token"])
    assert not looks_like_header(["1", "2"])
    assert not looks_like_header(["user", "2"])
