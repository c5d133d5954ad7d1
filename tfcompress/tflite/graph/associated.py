"""Associated files: a ZIP archive behind the flatbuffer (label lists, a vocabulary).

The runtime reads the flatbuffer from the start of the file and the archive's directory stands at
its end, so neither disturbs the other.

Reference: https://ai.google.dev/edge/litert/models/metadata (associated files).
"""

import copy
import io
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

from tfcompress.errors import ModelError

_DAMAGES = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError),
    *(NotImplementedError, OSError, RuntimeError, ValueError),
)
"""What reading a damaged member raises, by how it was compressed."""


@dataclass(frozen=True)
class AssociatedFile:
    """One member of the archive."""

    info: zipfile.ZipInfo
    content: bytes


def associated_files(content: bytes) -> tuple[list[AssociatedFile], bytes]:
    """The members and the comment of the archive at the end of a .tflite file; none without one.

    Raises:
        ModelError: the archive is damaged.
    """
    archive = open_archive(io.BytesIO(content))
    if archive is None:
        return [], b""
    with archive:
        members = archive.infolist()
        files = [AssociatedFile(info, read_member(archive, info)) for info in members]
        return files, archive.comment


def open_archive(source: Any) -> zipfile.ZipFile | None:
    """The archive at the end of a file; None without one.

    Args:
        source: path or binary file.

    Raises:
        ModelError: its directory is damaged.
        OSError: the file cannot be read.
    """
    try:
        return zipfile.ZipFile(source)
    except zipfile.BadZipFile:
        return None
    except (NotImplementedError, ValueError) as error:
        raise _damaged(error) from error


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The content of a member; raises `ModelError` where it is damaged."""
    try:
        return archive.read(info)
    except _DAMAGES as error:
        raise _damaged(error) from error


def _damaged(error: Exception) -> ModelError:
    return ModelError(
        f"the archive behind the model is damaged ({error}); copy or convert it again"
    )


def archive_bytes(content: bytes, associated: list[AssociatedFile]) -> int:
    """What the archive with these members takes of the file it was read from."""
    starts = [member.info.header_offset for member in associated]
    return len(content) - min(starts, default=len(content))


def append_files(
    flatbuffer: bytes, associated: list[AssociatedFile], comment: bytes = b""
) -> bytes:
    """The flatbuffer with an archive of these members, and of this comment, behind it."""
    if not associated:
        return flatbuffer
    stream = io.BytesIO(flatbuffer)
    # Appending makes the offsets in the archive count from the start of the file, as the readers of
    # TFLite's metadata libraries expect.
    with zipfile.ZipFile(stream, "a") as archive:
        for member in associated:
            archive.writestr(copy.copy(member.info), member.content)
        archive.comment = comment
    return stream.getvalue()
