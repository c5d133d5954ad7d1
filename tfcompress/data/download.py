"""Downloads that go on after an interruption and end with the right checksum or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from tfcompress.errors import DataError

Progress = Callable[[int, int | None], None]

_CHUNK_BYTES = 1 << 18
_TIMEOUT_SECONDS = 30.0
_PAUSES_SECONDS = (0.5, 2.0, 5.0)  # before the second, third and fourth try
_RANGE_NOT_SATISFIABLE = 416


def download(url: str, path: Path, *, md5: str, progress: Progress | None = None) -> None:
    """Downloads a file, or the rest of it where an earlier download was interrupted.

    What has come so far lies in `path` + ".part", which becomes `path` by one rename when it is
    complete and its MD5 is the one expected. A lost connection is tried again three times.

    Args:
        url: str.
        path: Path. The folder is made when missing.
        md5: str. Hex digits of the MD5 of the file.
        progress: callable or None. Called with the bytes that are there, and the bytes of the whole
            file or None where the server does not say.

    Raises:
        DataError: the server cannot be reached or has no such file, the connection is lost again
            and again (the part stays for the next time), the MD5 is another one (the part is
            removed), or another process downloads the same file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"{part}: another process is downloading this file; wait for it"
            ) from None
        if not part.exists() or not os.path.samestat(os.fstat(stream.fileno()), part.stat()):
            # Opened just before the process that had the lock renamed or removed it.
            raise DataError(f"{path}: another process has just finished with this file; try again")
        for pause in (*_PAUSES_SECONDS, None):
            try:
                _fetch_rest(url, stream, progress or (lambda _done, _total: None))
                break
            except _LostError as error:
                if pause is None or error.hopeless:
                    raise _failure(url, path, stream.tell(), str(error)) from None
                time.sleep(pause)
        stream.flush()
        found = md5_of_file(part)
        if found != md5:
            part.unlink()
            raise DataError(
                f"{url}: the MD5 of the download is {found}, expected {md5}; it was removed, try "
                "again (if this stays so, the file was changed at its source or on the way)"
            )
        part.replace(path)


def md5_of_file(path: Path) -> str:
    """Hex MD5 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


class _LostError(Exception):
    """The connection failed; `hopeless` where another try would not help."""

    def __init__(self, reason: str, *, hopeless: bool = False) -> None:
        super().__init__(reason)
        self.hopeless = hopeless


def _fetch_rest(url: str, stream: BinaryIO, progress: Progress) -> None:
    start = stream.seek(0, 2)
    headers = {"User-Agent": "tfcompress", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(url, headers=headers)
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == _RANGE_NOT_SATISFIABLE and start:
            if error.headers.get("Content-Range") == f"bytes */{start}":
                return  # it is all there
            stream.truncate(0)
            raise _LostError("the part is longer than the file") from None
        busy = error.code >= 500 or error.code in (408, 429)
        raise _LostError(f"HTTP {error.code} {error.reason}", hopeless=not busy) from None
    except urllib.error.URLError as error:
        raise _LostError(str(error.reason), hopeless=not start) from None
    except (http.client.HTTPException, OSError) as error:
        raise _LostError(_reason(error)) from None
    with response:
        done, total = _position(response, start)
        if done != start:  # a server that cannot go on sends it all again
            stream.truncate(done)
            stream.seek(0, 2)
        progress(done, total)
        while True:
            try:
                chunk = response.read(_CHUNK_BYTES)
            except (http.client.HTTPException, OSError) as error:
                raise _LostError(_reason(error)) from None
            if not chunk:
                break
            stream.write(chunk)
            done += len(chunk)
            progress(done, total)
    if total is not None and done < total:
        raise _LostError(f"the connection ended after {done:,} of {total:,} bytes")


def _position(response: http.client.HTTPResponse, start: int) -> tuple[int, int | None]:
    """Where in the file the response begins, and the length of the whole file."""
    if response.status == http.client.PARTIAL_CONTENT:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers["Content-Range"] or "")
        if match is None or int(match[1]) != start:
            raise _LostError("the server sends another part than was asked for", hopeless=True)
        return start, None if match[2] == "*" else int(match[2])
    length = response.headers["Content-Length"]
    return 0, int(length) if length else None


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _failure(url: str, path: Path, kept: int, reason: str) -> DataError:
    ways = f"connect and try again, or download it elsewhere and put it at {path}"
    if kept:
        ways += f" ({kept:,} bytes are kept)"
    else:
        path.with_name(path.name + ".part").unlink(missing_ok=True)
    return DataError(f"{url}: cannot be downloaded ({reason}); {ways}")
