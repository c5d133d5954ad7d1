"""Writers of every format `load` reads, for tests: rows of (user, item, time) in, bytes out."""

import pyarrow as pa
import pyarrow.parquet as pq

CRITEO_COLUMNS = {"user_column": "C1", "item_column": "C2", "time_column": "I1"}
HEADERS = {
    "csv": b"userId,rating,movieId,timestamp",
    "tsv": b"user\trating\titem\ttimestamp",
    "recbole": b"user_id:token\trating:float\titem_id:token\ttimestamp:float",
}
OPTIONS = {"criteo": CRITEO_COLUMNS}
TEXT = ("csv", "tsv", "recbole", "movielens", "u.data", "criteo", "pairs", "adjacency", "sequences")
TABLES = TEXT[:6]


def format_of(kind):
    return "movielens" if kind == "u.data" else kind


def line(kind, user, item, time):
    """One row of a table or of pairs; all arguments are bytes."""
    match kind:
        case "csv":
            return b",".join((user, b"5", item, time))
        case "tsv" | "recbole":
            return b"\t".join((user, b"5", item, time))
        case "movielens":
            return b"::".join((user, item, b"5", time))
        case "u.data":
            return b"\t".join((user, item, b"5", time))
        case "criteo":
            return b"\t".join((b"1", time, *[b""] * 12, user, item, *[b""] * 24))
        case "pairs":
            return user + b" " + item
    raise ValueError(kind)


def lines(kind, rows):
    """The lines of a file, a header included; one line per user of adjacency and sequences."""
    if kind in ("adjacency", "sequences"):
        by_user = {}
        for user, item, _ in rows:
            by_user.setdefault(user, []).append(item)
        first = kind == "adjacency"
        return [b" ".join([user] * first + items) for user, items in by_user.items()]
    header = [HEADERS[kind]] if kind in HEADERS else []
    return header + [line(kind, *row) for row in rows]


def parquet(path, rows, **changed):
    """Writes a Parquet file; `changed` replaces columns."""
    users, items, times = zip(*rows, strict=True)
    columns = {
        "user": [user.decode() for user in users],
        "item": [item.decode() for item in items],
        "timestamp": [int(time) for time in times],
    }
    pq.write_table(pa.table(columns | changed), path)
