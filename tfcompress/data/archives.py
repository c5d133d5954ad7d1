"""Public data sets known by name: downloaded once, checked, kept in a cache folder.

GroupLens publishes the MD5 of each archive beside it, at its address with ".md5" behind
(https://files.grouplens.org/datasets/movielens/ml-1m.zip.md5). Its licences allow research use and
forbid redistribution: the README of each archive, kept beside the ratings, has the terms.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tfcompress.data.download import Progress, download, md5_of_file
from tfcompress.errors import DataError, OutputExistsError
from tfcompress.files import new_directory


@dataclass(frozen=True)
class Archive:
    """A .zip file and what is needed of it.

    Attributes:
        url: str.
        md5: str. Hex digits, as its source publishes them.
        members: tuple of str. Files to keep; the first holds the interactions.
    """

    url: str
    md5: str
    members: tuple[str, ...]


_GROUPLENS = "https://files.grouplens.org/datasets/movielens"
ARCHIVES: dict[str, Archive] = {
    "movielens-100k": Archive(
        f"{_GROUPLENS}/ml-100k.zip",
        "0e33842e24a9c977be4e0107933c0723",
        ("ml-100k/u.data", "ml-100k/README"),
    ),
    "movielens-1m": Archive(
        f"{_GROUPLENS}/ml-1m.zip",
        "c4d9eecfca2ab87c1945afe126590906",
        ("ml-1m/ratings.dat", "ml-1m/README"),
    ),
    "movielens-10m": Archive(
        f"{_GROUPLENS}/ml-10m.zip",
        "ce571fd55effeba0271552578f2648bd",
        ("ml-10M100K/ratings.dat", "ml-10M100K/README.html"),
    ),
    "movielens-25m": Archive(
        f"{_GROUPLENS}/ml-25m.zip",
        "6b51fb2759a8657d3bfcbfc42b592ada",
        ("ml-25m/ratings.csv", "ml-25m/README.txt"),
    ),
}


def cache_folder() -> Path:
    """Where downloads are kept: TFCOMPRESS_CACHE, or tfcompress in XDG_CACHE_HOME or ~/.cache."""
    if chosen := os.environ.get("TFCOMPRESS_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME", "")
    # A relative path there is to be ignored, says the XDG base directory specification.
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "tfcompress"


def needs_download(source: str) -> bool:
    """Whether a source is the name of an archive that is not in the cache folder yet."""
    return source in ARCHIVES and not _interactions(source).is_file()


def fetch(name: str, progress: Progress | None = None) -> Path:
    """The file of interactions of an archive, downloaded and unpacked where it is not there yet.

    An archive that was put into the cache folder by hand is taken from there.

    Args:
        name: str. Of `ARCHIVES`.
        progress: callable or None. As of `download`.

    Raises:
        DataError: the archive cannot be had, or has another checksum.
    """
    archive, file = ARCHIVES[name], _interactions(name)
    if file.is_file():
        return file
    zipped = cache_folder() / PurePosixPath(archive.url).name
    if not zipped.is_file():
        download(archive.url, zipped, md5=archive.md5, progress=progress)
    elif (found := md5_of_file(zipped)) != archive.md5:
        raise DataError(
            f"{zipped}: its MD5 is {found}, expected {archive.md5}; remove it and try again"
        )
    try:
        with new_directory(file.parent) as folder:
            _unpack(zipped, archive, folder)
    except OutputExistsError:
        if not file.is_file():  # else another process has just unpacked it
            raise
    zipped.unlink(missing_ok=True)
    return file


def _interactions(name: str) -> Path:
    return cache_folder() / name / PurePosixPath(ARCHIVES[name].members[0]).name


def _unpack(zipped: Path, archive: Archive, folder: Path) -> None:
    with zipfile.ZipFile(zipped) as content:
        for member in archive.members:
            target = folder / PurePosixPath(member).name
            with content.open(member) as source, target.open("wb") as stream:
                shutil.copyfileobj(source, stream, 1 << 20)
