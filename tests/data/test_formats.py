import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tfcompress.data.formats import FORMATS, detect, locate
from tfcompress.errors import ConfigError, DataError

USERS = "".join(f"{user} 5 7 {'8 ' * (user % 3)}\n" for user in range(9))

CRITEO = "1\t" + "-1\t\t" * 6 + "7\t" + "\t".join(["68fd1e64", ""] * 13) + "\n"


@pytest.mark.parametrize(
    ("name", "text", "format"),
    [
        ("a.csv", "anything", "csv"),
        ("a.CSV", "anything", "csv"),
        ("a.tsv", "anything", "tsv"),
        ("a.inter", "anything", "recbole"),
        ("a.parquet", "anything", "parquet"),
        ("a.csv.gz", "anything", "csv"),
        ("a.txt", "user,item\n1,2\n", "csv"),
        ("a.dat", "UserID;ISBN;Rating\n1;2;3\n", "csv"),
        ("a.txt", "user_id:token\titem_id:token\n1\t2\n", "recbole"),
        ("a.txt", "user\titem\n1\t2\n", "tsv"),
        ("a.dat", "1::1193::5::978300760\n", "movielens"),
        ("u.data", "196\t242\t3\t881250949\n", "movielens"),
        ("a.csv", CRITEO, "criteo"),
        ("a.txt", CRITEO[2:], "criteo"),
        ("a.txt", "1 2\n1 3\n", "pairs"),
        ("a.txt", "1 2", "pairs"),
        ("a.txt", "u1\ti1\n\nu1\ti2\n", "pairs"),
        ("a.txt", "\ufeff1 2\n1 3\n", "pairs"),
        ("a.txt", USERS, "adjacency"),
        ("a", USERS, "adjacency"),
        # Spaces that are letters of a token to the readers.
        ("a.txt", "u1 a\u00a0b\nu2 東\u3000京\nu3 c\u2028d\n", "pairs"),
        ("a.txt", "5 6 7\n5 6\n8 9\n", "sequences"),
    ],
)
def test_formats_by_suffix_or_first_lines(tmp_path, name, text, format):
    path = tmp_path / name
    content = text.encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert detect(path) == format


def test_compressed_text_and_parquet_by_content(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"1 2\n"))
    assert detect(path) == "pairs"
    path = tmp_path / "part-00000"
    pq.write_table(pa.table({"user": [1]}), path)
    assert detect(path) == "parquet"


def test_a_long_first_part_is_not_judged_by_its_cut_line(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("123456 7890\n" * 10_000)
    assert detect(path) == "pairs"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("1,2\n3,4\n", "line 1: '1,2' has separators but names no user and item column"),
        ("1 2 3\n4 5 6\n", "every line has 3 tokens, .* --format adjacency or sequences"),
        ("1\n2\n", "every line has 1 tokens"),
        ("ann 5 6\nbob 7\n", "may be .* choose with --format adjacency or sequences"),
        ("1 5 6\n2 7\n", "choose with --format adjacency or sequences"),
        (10 * "a 1\nb 2\n" + "c 1 2\n", "'c 1 2' has not two tokens, as most lines have; .* pairs"),
    ],
)
def test_a_file_that_could_be_several_formats_is_left_to_the_user(tmp_path, text, message):
    path = tmp_path / "a.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        detect(path)
    assert "\n" not in str(caught.value)
    if text.strip():
        assert locate(path, "sequences").format == "sequences"


def test_unknown_formats_and_paths(tmp_path):
    with pytest.raises(ConfigError, match=f"'xml' is not known; choose from {', '.join(FORMATS)}"):
        locate(tmp_path, "xml")
    with pytest.raises(DataError, match="no such file or directory"):
        locate(tmp_path / "absent")


class TestDirectories:
    @pytest.fixture
    def make(self, tmp_path):
        def make(*names, text="1 2\n"):
            for name in names:
                (tmp_path / name).write_text(text)
            return tmp_path

        return make

    def files(self, source):
        return {role: path.name for role, path in source.files.items()}

    def test_one_data_file(self, make):
        source = locate(make("Video.txt", "README.md", ".hidden.txt", "side.item"))
        assert self.files(source) == {"all": "Video.txt"}
        assert not source.is_split

    @pytest.mark.parametrize(
        ("names", "ratings"),
        [
            (("movies.dat", "ratings.dat", "users.dat", "README"), "ratings.dat"),
            (("links.csv", "movies.csv", "ratings.csv", "README.txt"), "ratings.csv"),
            (("u.data", "u.item", "u1.base", "u1.test"), "u.data"),
        ],
    )
    def test_movielens(self, make, names, ratings):
        source = locate(make(*names, text="1::2::3::4\n"))
        assert self.files(source) == {"all": ratings}

    def test_recbole_splits(self, make):
        names = [f"beauty.{part}.inter" for part in ("train", "valid", "test")]
        source = locate(make(*names, "beauty.item", "beauty.user"))
        assert source.format == "recbole"
        assert self.files(source) == dict(zip(("train", "valid", "test"), names, strict=True))

    @pytest.mark.parametrize("valid", ["valid", "val", "validation", "dev"])
    def test_splits(self, make, valid):
        source = locate(make("train.txt", f"{valid}.txt", "test.txt"))
        assert source.is_split
        assert source.format == "pairs"
        assert self.files(source) == {
            "train": "train.txt", "valid": f"{valid}.txt", "test": "test.txt"
        }  # fmt: skip

    def test_splits_of_tables(self, make):
        source = locate(make("train.csv", "test.csv", "items.csv"))
        assert source.format == "csv"
        assert set(source.files) == {"train", "test"}

    def test_sequences(self, make):
        source = locate(make("train_input.txt", "test_output.txt", "val_output.txt"))
        assert source.format == "sequences"
        assert set(source.files) == {"train_input", "val_output", "test_output"}

    def test_format_overrides(self, make):
        assert locate(make("train.txt", "test.txt"), "adjacency").format == "adjacency"

    @pytest.mark.parametrize(
        ("names", "format", "message"),
        [
            ((), None, "holds no data files; expected one file"),
            (("a.txt", "b.txt"), None, "holds a.txt, b.txt; expected one file"),
            (("train.txt",), None, "has train.txt but no test file"),
            (("train_input.txt",), None, "has train_input but no test_output"),
            (("train.txt", "train.csv", "test.txt"), None, "both train.csv and train.txt"),
            (("train.txt", "test.txt"), "sequences", "name them train_input and test_output"),
        ],
    )
    def test_what_cannot_be_told(self, make, names, format, message):
        with pytest.raises(DataError, match=message):
            locate(make(*names), format)
