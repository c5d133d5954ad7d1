"""Files and directories that appear whole or not at all.

Everything is written to a temporary sibling, flushed to the disk and put in place by one rename, so
a reader (or the next start after a crash) sees the old content or the new one, never a part.
"""

import errno
import fcntl
import hashlib
import math
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfcompress.errors import OutputExistsError

_LOCK_POLL_SECONDS = 0.02
# How much of a name its temporary sibling begins with: all of a long one would be too long.
_PREFIX_CHARACTERS = 40


def _prefix(path: Path) -> str:
    return f".{path.name[:_PREFIX_CHARACTERS]}."


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raises `OutputExistsError` when `path` exists and `overwrite` is false.

    A pipe or a device, such as /dev/null, holds nothing that could be lost.
    """
    if (path.is_file() or path.is_dir()) and not overwrite:
        raise OutputExistsError(f"{path}: exists already; pass --overwrite to replace it")


def write_file(path: Path, content: bytes, *, overwrite: bool = True) -> None:
    """Writes `content` to `path` in one step.

    Args:
        path: Path. Its parent folder is made when missing.
        content: bytes. The whole content.
        overwrite: bool. Whether a file that is there already may be replaced.

    Raises:
        OutputExistsError: `path` exists and `overwrite` is false.
    """
    refuse_existing(path, overwrite=overwrite)
    if path.exists() and not path.is_file() and not path.is_dir():
        # A pipe or a device, by the name given: that of /dev/stdout resolves to no file.
        path.write_bytes(content)
        return
    try:
        with new_file(path) as made:
            made.write_bytes(content)
    except OSError as error:
        # Of the file that was asked for, not of its temporary sibling.
        raise type(error)(error.errno, error.strerror, str(path.resolve())) from error


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yields the path of a file to be made, which replaces `path` by one rename at the end.

    It lies in a folder of its own beside `path`, which is removed with all else that is in it.

    Raises:
        OSError: by the name of `path`, also where it is about what lies in that folder.
    """
    path = path.resolve()  # A link stays a link; what it names is replaced.
    with _folder_beside(path) as folder:
        # A new file is for whom a new folder is; made by a library it may be for its owner only.
        mode = path.stat().st_mode if path.exists() else folder.stat().st_mode & 0o666
        made = folder / path.name
        yield made
        _sync_file(made)
        made.chmod(stat.S_IMODE(mode))
        made.replace(path)
    _sync_directory(path.parent)


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yields an empty sibling directory that becomes `path` by one rename when the block ends well.

    Raises:
        OutputExistsError: `path` exists.
        OSError: by the name of `path`, also where it is about what lies in the sibling.
    """
    refuse_existing(path, overwrite=False)
    with _folder_beside(path) as folder:
        yield folder
        for file in folder.rglob("*"):
            if file.is_file():
                _sync_file(file)
        try:
            folder.rename(path)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                refuse_existing(path, overwrite=False)  # It was made while the block ran.
            raise
    _sync_directory(path.parent)


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    """An empty folder that has the mode of a new one; what is left of it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=_prefix(path), dir=path.parent))
    try:
        # That one is for its owner only, whatever the umask says.
        inner = folder / "new"
        inner.mkdir()
        yield inner
    except OSError as error:
        named = error.filename
        # A full disk names no file, others one of the folder.
        inside = named is None or folder in (Path(str(named)), *Path(str(named)).parents)
        if error.errno is None or not inside:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sync_file(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


@contextmanager
def locked(path: Path, *, patience: float | None = None) -> Iterator[bool]:
    """Holds a lock that one process at a time can hold; it ends with the process at the latest.

    What a killed process was just starting has its open files for an instant longer, and the lock
    with them: a patience of 0 would meet the lock of a process that is no more.

    Args:
        path: Path. The lock's file; its folder must exist. Or a folder, in which nothing is made.
        patience: float or None. Seconds to wait for a process that holds it; None waits for good.

    Yields:
        bool. Whether the lock is held; always, where it waits for good, and where `path` is a
        folder of a file system that locks none.
    """
    flags = os.O_RDONLY if path.is_dir() else os.O_WRONLY | os.O_CREAT | os.O_APPEND
    descriptor = os.open(path, flags, 0o666)
    try:
        yield _lock(descriptor, patience)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, patience: float | None) -> bool:
    end = math.inf if patience is None else time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if patience is None else fcntl.LOCK_NB))
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(_LOCK_POLL_SECONDS)
        except OSError:
            # Network file systems lock what was opened to be written to, which no folder is.
            if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise
            return True
        else:
            return True


def sha256_of_files(paths: list[Path]) -> str:
    """Hex SHA-256 over the sizes and contents of `paths`, in the order given."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.stat().st_size.to_bytes(8, "little"))
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
