import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.writers import line
from tfcompress.data import count_items, delimited, load, movielens
from tfcompress.data.bad_rows import BadRows
from tfcompress.errors import DataError

RATINGS = b"".join(
    b"%d::%d::3.5::%d\n" % (u, (u * k) % 9, 50 - k) for k in range(5) for u in (1, 2)
)


def test_an_archive_as_it_lies(tmp_path):
    (tmp_path / "ratings.dat").write_bytes(RATINGS)
    (tmp_path / "movies.dat").write_bytes("1::Café Society (2016)::Drama\n".encode("latin-1"))
    (tmp_path / "users.dat").write_bytes(b"1::F::1::10::48067\n")
    data = load(tmp_path)
    assert (data.format, data.split, data.ordered) == ("movielens", "leave-one-out", True)
    assert data.notes == ("user column 'UserID', item column 'MovieID', time column 'Timestamp'",)
    decoded = [data.vocabulary.decode(row).to_pylist() for row in data.train]
    assert decoded == [[4, 3, 2], [8, 6, 4]]
    for name, found in (("movies.dat", 3), ("users.dat", 5)):
        message = rf"{name}, line 1: expected 4 fields \(UserID, MovieID, .*, found {found}: "
        with pytest.raises(DataError, match=message):
            load(tmp_path / name)


def test_tabs_and_compression(tmp_path):
    (tmp_path / "u.data").write_bytes(RATINGS.replace(b"::", b"\t"))
    (tmp_path / "r.dat.gz").write_bytes(gzip.compress(RATINGS))
    first, second = load(tmp_path / "u.data"), load(tmp_path / "r.dat.gz")
    assert first.vocabulary == second.vocabulary
    assert first.train.values.tolist() == second.train.values.tolist()


def test_tags_are_interactions_too(tmp_path):
    path = tmp_path / "tags.dat"
    path.write_bytes(
        "15::4973::Caf\xe9: excellent!::1215184630\n20::1747::pol::1\n".encode("latin-1")
    )
    tokens, counts = count_items(path)
    assert dict(zip(tokens.to_pylist(), counts.tolist(), strict=True)) == {4973: 1, 1747: 1}


@settings(max_examples=60)
@given(
    st.lists(st.tuples(*[st.text("ab:é\t", max_size=4)] * 4), min_size=1, max_size=12),
    st.integers(128, 400),
    st.sampled_from(["error", "skip"]),
)
def test_fields_come_back_whatever_the_block(tmp_path_factory, rows, size, policy):
    path = tmp_path_factory.mktemp("fields") / "a.dat"
    rows = [["1", "2", "3", "4"], *([field.strip(":") for field in row] for row in rows)]
    rows = [row for row in rows if not any("::" in field for field in row)]
    path.write_bytes("\n".join("::".join(row) for row in rows).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "_BLOCK_BYTES", size)
        layout = movielens.layout(path)
        pieces = list(delimited.read(path, layout, movielens.NAMES, BadRows(policy)))
    columns = [
        [value.decode() for piece in pieces for value in piece.columns[name].to_pylist()]
        for name in movielens.NAMES
    ]
    expected = [[field.strip("\t") for field in row] for row in rows]
    assert [list(row) for row in zip(*columns, strict=True)] == expected


def test_the_writer_of_the_tests_writes_what_is_read():
    assert line("movielens", b"1", b"2", b"3") == b"1::2::5::3"
