import os
import stat
import threading
from pathlib import Path

import pytest

from tfcompress.errors import OutputExistsError
from tfcompress.files import locked, new_directory, sha256_of_files, write_file


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path):
    path = tmp_path / "deep" / "file.bin"
    write_file(path, b"old")
    write_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_an_existing_file_is_kept_when_overwriting_was_not_asked_for(tmp_path: Path):
    path = tmp_path / "file.bin"
    write_file(path, b"old")
    with pytest.raises(OutputExistsError, match=r"file\.bin.*--overwrite"):
        write_file(path, b"new", overwrite=False)
    assert path.read_bytes() == b"old"


def test_a_device_holds_nothing_to_keep():
    write_file(Path(os.devnull), b"new", overwrite=False)


def test_a_pipe_is_written_to_by_its_name_among_descriptors():
    # As a shell gives it: /dev/stdout before a |, /dev/fd/63 of >(...).
    reader, writer = os.pipe()
    write_file(Path(f"/dev/fd/{writer}"), b"new", overwrite=False)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        assert stream.read() == b"new"


def test_a_failed_write_leaves_the_old_content(tmp_path: Path, monkeypatch):
    path = tmp_path / "file.bin"
    write_file(path, b"old")

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space") as caught:
        write_file(path, b"new")
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_appears_only_when_its_block_ends_well(tmp_path: Path):
    path = tmp_path / "folder"
    with new_directory(path) as temporary:
        (temporary / "a").write_text("1")
        assert not path.exists()
    assert (path / "a").read_text() == "1"
    with pytest.raises(OutputExistsError), new_directory(path):
        pass


def test_a_directory_whose_block_fails_leaves_nothing(tmp_path: Path):
    def fail() -> None:
        with new_directory(tmp_path / "folder") as temporary:
            (temporary / "a").write_text("1")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("told", [None, "variables.npz"])
def test_what_the_system_refuses_in_a_directory_is_told_with_its_name(tmp_path: Path, told):
    path = tmp_path / "epoch-00001"
    with (
        pytest.raises(OSError, match="No space left on device") as refused,
        new_directory(path) as new,
    ):
        raise OSError(28, "No space left on device", *([str(new / told)] if told else []))
    assert refused.value.filename == str(path)


def test_errors_that_name_another_file_stay_as_they_are(tmp_path: Path):
    with pytest.raises(FileNotFoundError) as refused, new_directory(tmp_path / "new"):
        (tmp_path / "absent").read_bytes()
    assert refused.value.filename == str(tmp_path / "absent")


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path):
    path = tmp_path / ("n" * 255)
    write_file(path, b"content")
    assert path.read_bytes() == b"content"
    with new_directory(tmp_path / ("d" * 255)):
        pass
    assert len(list(tmp_path.iterdir())) == 2


def test_the_hash_tells_contents_and_order_apart(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    a, b = tmp_path / "a", tmp_path / "b"
    hashes = {sha256_of_files([a, b]), sha256_of_files([b, a]), sha256_of_files([a])}
    assert len(hashes) == 3
    assert sha256_of_files([a, b]) == sha256_of_files([a, b])


def test_the_hash_does_not_depend_on_names(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "copy").write_bytes(b"1")
    assert sha256_of_files([tmp_path / "a"]) == sha256_of_files([tmp_path / "copy"])


def test_links_and_modes_survive(tmp_path: Path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "real").chmod(0o600)
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o600


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o002])
def test_what_is_new_has_the_mode_of_the_process(tmp_path: Path, umask):
    before = os.umask(umask)
    try:
        write_file(tmp_path / "file", b"new")
        with new_directory(tmp_path / "folder"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o777 & ~umask


def test_a_directory_made_meanwhile_stays(tmp_path: Path):
    path = tmp_path / "folder"

    def make(content: str) -> None:
        with new_directory(path) as new:
            (new / "a").write_text(content)
            if content == "late":
                make("first")

    with pytest.raises(OutputExistsError, match="folder: exists already"):
        make("late")
    assert (path / "a").read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_lock_is_held_once(tmp_path: Path):
    with locked(tmp_path / "lock") as first, locked(tmp_path / "lock", patience=0) as second:
        assert (first, second) == (True, False)
    with locked(tmp_path / "lock", patience=0) as third:
        assert third


def test_a_folder_is_locked_and_stays_empty(tmp_path: Path):
    with locked(tmp_path, patience=0) as first, locked(tmp_path, patience=0) as second:
        assert (first, second) == (True, False)
    assert not list(tmp_path.iterdir())


def test_folders_of_a_file_system_that_locks_none_are_free(tmp_path: Path, monkeypatch):
    def refuse(descriptor, operation):
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr("fcntl.flock", refuse)
    with locked(tmp_path, patience=0) as is_ours:
        assert is_ours
    with pytest.raises(OSError, match="Bad file descriptor"), locked(tmp_path / "lock"):
        pass


def test_a_lock_that_is_freed_soon_is_waited_for(tmp_path: Path):
    freed = threading.Event()

    def hold() -> None:
        with locked(tmp_path / "lock"):
            held.set()
            freed.wait(60)

    held = threading.Event()
    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(60)
    threading.Timer(0.1, freed.set).start()
    with locked(tmp_path / "lock", patience=60) as is_ours:
        assert is_ours
    holder.join()
