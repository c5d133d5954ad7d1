import errno
import tempfile
from functools import partial
from pathlib import Path

import pytest

from tfcompress.errors import ModelError
from tfcompress.temporary import temporary_file, temporary_folder

HINT = "make room for temporary files there, or set TMPDIR to another folder"
PLACES = pytest.mark.parametrize("place", [temporary_folder, temporary_file])


def test_a_folder_is_gone_after_the_block():
    with temporary_folder() as folder:
        (folder / "file").write_bytes(b"content")
    assert not folder.exists()


@PLACES
def test_a_folder_that_cannot_be_used_is_named(tmp_path, monkeypatch, place):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(FileNotFoundError) as caught, place():
        pass
    assert caught.value.filename == str(tmp_path / "missing")
    assert caught.value.strerror == f"No such file or directory; {HINT}"


@PLACES
def test_no_usable_folder_is_said_of_the_variable(monkeypatch, place):
    def none():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_get_default_tempdir", none)
    with pytest.raises(FileNotFoundError) as caught, place():
        pass
    assert caught.value.filename == "TMPDIR"
    assert caught.value.strerror == f"No usable temporary directory found in ['/tmp']; {HINT}"


@PLACES
def test_a_full_folder_is_named_and_not_what_was_to_lie_there(tmp_path, monkeypatch, place):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def save():
        try:
            raise RuntimeError(f"{'long/' * 100}; No space left on device [Op:SaveV2]")
        except RuntimeError as error:
            raise ModelError("model 'm' cannot be traced") from error

    with pytest.raises(OSError, match="No space left on device; make room") as caught, place():
        save()
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path))
    assert not list(tmp_path.iterdir())


@PLACES
def test_other_errors_stay(place):
    with pytest.raises(ModelError, match="broken"), place():
        raise ModelError("broken")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a file of a full disk")
def test_what_closing_cannot_write_is_said_of_the_folder(monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryFile", partial(Path("/dev/full").open, "wb"))
    with pytest.raises(OSError, match=HINT), temporary_file() as file:
        file.write(b"x")
