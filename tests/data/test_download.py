"""Downloads and archives against a server of our own, in a thread."""

import hashlib
import http.server
import io
import re
import threading
import zipfile

import pytest

from tfcompress.data import archives, count_items, download, load
from tfcompress.data.archives import Archive, cache_folder, fetch, needs_download
from tfcompress.errors import DataError

CONTENT = bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.files`; cuts the connection after so many bytes, as often as told."""

    def do_GET(self):
        server = self.server
        server.asked.append(self.headers["Range"])
        content = server.files.get(self.path)
        if server.statuses:
            return self.send_error(server.statuses.pop())
        if content is None:
            return self.send_error(404)
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        if asked and server.ranges:
            start = int(asked[1])
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                return self.end_headers()
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if server.lengths:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        cut = server.cuts.pop() if server.cuts else len(content)
        return self.wfile.write(content[start : start + cut])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "_PAUSES_SECONDS", (0.0, 0.0, 0.0))
    monkeypatch.setenv("no_proxy", "*")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.cuts, server.statuses = [], [], []
        server.files = {"/data.bin": CONTENT}
        server.ranges = server.lengths = True
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def get(server, tmp_path):
    path = tmp_path / "cache" / "data.bin"

    def get(md5=MD5, name="data.bin", **options):
        download.download(f"{server.url}/{name}", path, md5=md5, **options)
        assert path.read_bytes() == CONTENT
        assert not part.exists()

    part = path.with_name("data.bin.part")
    get.path, get.part = path, part
    return get


def test_progress_ends_with_the_whole(server, get):
    seen = []
    get(progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert server.asked == [None]


def test_without_a_length(server, get):
    server.lengths = False
    seen = []
    get(progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(CONTENT), None)


def test_a_cut_connection_goes_on_where_it_ended(server, get):
    server.cuts = [300_000, 400_000]
    get()
    assert server.asked == [None, "bytes=400000-", "bytes=700000-"]


def test_a_later_call_goes_on_too(server, get):
    server.cuts = [1000] * 4
    with pytest.raises(DataError, match=r"connection ended after 4,000 of .* \(4,000 bytes are"):
        get()
    assert get.part.read_bytes() == CONTENT[:4000]
    get()
    assert server.asked[-1] == "bytes=4000-"


def test_a_server_without_ranges_sends_it_all_again(server, get):
    server.ranges = False
    server.cuts = [1000]
    get()
    assert server.asked == [None, "bytes=1000-"]


def test_a_part_that_is_complete_or_too_long(server, get):
    get.part.parent.mkdir()
    get.part.write_bytes(CONTENT)
    get()
    get.path.unlink()
    get.part.write_bytes(CONTENT + b"more")
    get()
    assert server.asked[-2:] == [f"bytes={len(CONTENT) + 4}-", None]


def test_another_checksum_is_refused_and_leaves_nothing(get):
    wrong = "0" * 32
    with pytest.raises(DataError, match=f"is {MD5}, expected {wrong}; it was removed, try again"):
        get(md5=wrong)
    assert list(get.path.parent.iterdir()) == []


def test_a_part_of_something_else_is_found_out_by_the_checksum(get):
    get.part.parent.mkdir()
    get.part.write_bytes(b"x" * 100)
    with pytest.raises(DataError, match="the MD5 of the download"):
        get()
    get()


def test_busy_servers_are_asked_again_others_not(server, get):
    server.statuses = [503, 429]
    get()
    assert len(server.asked) == 3
    with pytest.raises(DataError, match=r"absent: cannot be downloaded \(HTTP 404 Not Found\)"):
        get(name="absent")
    assert len(server.asked) == 4


def test_offline_is_one_line_that_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    path = tmp_path / "data.bin"
    with pytest.raises(DataError, match=r"cannot be downloaded .*refused.* put it at ") as caught:
        download.download("http://127.0.0.1:9/data.bin", path, md5=MD5)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_two_processes_do_not_write_to_one_part(get):
    get.part.parent.mkdir()
    with get.part.open("ab") as stream:
        download.fcntl.flock(stream, download.fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another process is downloading this file"):
            get()


def test_a_part_that_is_gone_when_it_is_locked_is_left_alone(get, monkeypatch):
    def lock(stream, operation):
        get.part.rename(get.part.with_name("finished"))

    get.part.parent.mkdir()
    get.part.write_bytes(CONTENT)
    monkeypatch.setattr(download.fcntl, "flock", lock)
    with pytest.raises(DataError, match="another process has just finished with this file"):
        get()
    assert get.part.with_name("finished").read_bytes() == CONTENT


class TestArchives:
    RATINGS = "".join(f"{u}::{(u + k) % 7}::5::{k}\n" for u in range(9) for k in range(5)).encode()

    @pytest.fixture
    def archive(self, server, tmp_path, monkeypatch):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as content:
            content.writestr("ml/ratings.dat", self.RATINGS)
            content.writestr("ml/README", b"terms of use")
            content.writestr("ml/movies.dat", b"1::Caf\xe9::Drama\n")
        server.files["/ml.zip"] = buffer.getvalue()
        digest = hashlib.md5(buffer.getvalue()).hexdigest()
        archive = Archive(f"{server.url}/ml.zip", digest, ("ml/ratings.dat", "ml/README"))
        monkeypatch.setitem(archives.ARCHIVES, "movielens-test", archive)
        monkeypatch.setenv("TFCOMPRESS_CACHE", str(tmp_path / "cache"))
        return archive

    def test_a_name_is_downloaded_once_and_loaded(self, server, archive, tmp_path):
        assert needs_download("movielens-test")
        assert not needs_download("synthetic")
        data = load("movielens-test", max_items=5)
        assert (data.name, data.format, data.split) == (
            "movielens-test", "movielens", "leave-one-out"
        )  # fmt: skip
        assert len(data.train) == 9
        assert not needs_download("movielens-test")
        server.files.clear()
        assert load("movielens-test", max_items=5).sha256 == data.sha256
        assert count_items("movielens-test")[1].sum() == 45
        assert sorted(path.name for path in (tmp_path / "cache").rglob("*")) == [
            "README", "movielens-test", "ratings.dat"
        ]  # fmt: skip

    def test_an_archive_put_there_by_hand_is_taken(self, server, archive, tmp_path):
        placed = tmp_path / "cache" / "ml.zip"
        placed.parent.mkdir()
        placed.write_bytes(b"something else")
        with pytest.raises(DataError, match=f"its MD5 is .*, expected {archive.md5}; remove it"):
            fetch("movielens-test")
        placed.write_bytes(server.files["/ml.zip"])
        assert fetch("movielens-test").read_bytes() == self.RATINGS
        assert server.asked == []

    def test_cache_folders(self, monkeypatch, tmp_path):
        monkeypatch.delenv("TFCOMPRESS_CACHE", raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert cache_folder() == tmp_path / "tfcompress"
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert cache_folder() == tmp_path / ".cache" / "tfcompress"
        monkeypatch.setenv("TFCOMPRESS_CACHE", "~/here")
        assert cache_folder() == tmp_path / "here"

    def test_the_archives_of_grouplens(self):
        assert {"movielens-100k", "movielens-1m", "movielens-25m"} <= archives.ARCHIVES.keys()
        for archive in archives.ARCHIVES.values():
            assert re.fullmatch(r"https://files\.grouplens\.org/.*\.zip", archive.url)
            assert re.fullmatch(r"[0-9a-f]{32}", archive.md5)
