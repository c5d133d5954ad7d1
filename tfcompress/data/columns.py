"""Which columns of a table hold the user, the item and the time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tfcompress.errors import DataError

# Names without case, spaces, hyphens and underscores. Those of an earlier tuple win over those of a
# later one; two names of the same tuple in one table are ambiguous.
_USER_NAMES = (
    ("user", "userid", "uid"),
    ("customer", "customerid", "reviewer", "reviewerid", "visitor", "visitorid", "member"),
    ("session", "sessionid"),
)
_ITEM_NAMES = (
    ("item", "itemid", "iid"),
    (
        *("app", "appid", "article", "articleid", "artist", "artistid", "asin", "parentasin"),
        *("book", "bookid", "business", "businessid", "game", "gameid", "isbn", "location"),
        *("locationid", "movie", "movieid", "news", "newsid", "poi", "poiid", "product"),
        *("productid", "song", "songid", "track", "trackid", "venue", "venueid", "video"),
        *("videoid",),
    ),
)
_TIME_NAMES = (
    ("timestamp",),
    ("time", "datetime", "date", "ts", "unixtime", "unixtimestamp", "unixreviewtime", "eventtime"),
)
_NAMES = {"user": _USER_NAMES, "item": _ITEM_NAMES, "time": _TIME_NAMES}


@dataclass(frozen=True)
class Columns:
    """The names of the columns as they stand in the file; without `time`, rows are in order."""

    user: str
    item: str
    time: str | None


def choose_columns(
    path: Path,
    names: list[str],
    *,
    user_column: str | None = None,
    item_column: str | None = None,
    time_column: str | None = None,
) -> Columns:
    """Finds the columns, by the names asked for or by common ones (user_id, movieId, timestamp).

    A typed header as RecBole writes it (`user_id:token`) counts by what stands before the colon.

    Raises:
        DataError: as `find_column`, or one column has two roles; without a column of times there is
            none.
    """
    chosen = {
        "user": find_column(path, names, "user", user_column),
        "item": find_column(path, names, "item", item_column),
    }
    free = [name for name in names if name not in chosen.values()]
    time = time_column or _detect(path, free, "time")
    if time is not None:
        chosen["time"] = find_column(path, names, "time", time)
    roles: dict[str, str] = {}
    for role, name in chosen.items():
        if name in roles:
            raise DataError(
                f"{path}, line 1: column {name!r} is both the {roles[name]} and the {role} column; "
                f"choose another with --{roles[name]}-column or --{role}-column"
            )
        roles[name] = role
    return Columns(user=chosen["user"], item=chosen["item"], time=chosen.get("time"))


def find_column(path: Path, names: list[str], role: str, wanted: str | None = None) -> str:
    """The column of one role, "user", "item" or "time": the one wanted, or by its common names.

    Raises:
        DataError: there is no such column, there are two, or several could be meant.
    """
    name = wanted or _detect(path, names, role)
    if name is None:
        raise DataError(
            f"{path}, line 1: no {role} column among {_listed(names)}; name it with "
            f"--{role}-column (a table needs a header line)"
        )
    if names.count(name) != 1:
        found = "no column" if name not in names else f"{names.count(name)} columns named"
        raise DataError(
            f"{path}, line 1: {found} {name!r} among {_listed(names)}; correct --{role}-column or "
            "the header"
        )
    return name


def looks_like_header(fields: list[str]) -> bool:
    """Whether one of the fields names a user and another one an item."""
    plain = [_plain(field) for field in fields]
    return all(
        any(name in group for name in plain for group in groups)
        for groups in (_USER_NAMES, _ITEM_NAMES)
    )


def _detect(path: Path, names: list[str], role: str) -> str | None:
    for group in _NAMES[role]:
        found = [name for name in names if _plain(name) in group]
        if len(found) > 1:
            raise DataError(
                f"{path}, line 1: {_listed(found)} could all be the {role} column; choose one "
                f"with --{role}-column"
            )
        if found:
            return found[0]
    return None


def _plain(name: str) -> str:
    name = name.split(":", 1)[0].casefold()
    return "".join(letter for letter in name if letter not in " _-.\t")


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "")
