"""The vocabulary inside a .tflite: a member of the archive behind the flatbuffer."""

import io
import zipfile
import zlib
from pathlib import Path

from tfcompress.errors import CorruptTableError, ModelError
from tfcompress.stored_vocabulary import StoredVocabulary, store
from tfcompress.tflite.associated import AssociatedFile
from tfcompress.vocabulary import Vocabulary

MEMBER = "vocabulary.tfcv"


def vocabulary_file(vocabulary: Vocabulary) -> AssociatedFile:
    """The member of the archive: stored, not deflated, so that a phone reads it where it lies."""
    return AssociatedFile(zipfile.ZipInfo(MEMBER), store(vocabulary))


def find_vocabulary(associated: list[AssociatedFile]) -> StoredVocabulary | None:
    """The vocabulary among the members of an archive; None where there is none.

    Raises:
        ModelError: it is damaged.
    """
    for member in associated:
        if member.info.filename == MEMBER:
            return _open(member.content)
    return None


def read_vocabulary(model: str | Path | bytes) -> StoredVocabulary | None:
    """Opens the vocabulary that `convert` put into a .tflite.

    Args:
        model: path or bytes. The file; of a path, only the vocabulary is read.

    Returns:
        StoredVocabulary: `id_of(token)`, `token_of(id)`. None where the file holds none.

    Raises:
        ModelError: there is no such file, or the vocabulary is damaged.
    """
    name = "" if isinstance(model, bytes) else f"{model}: "
    try:
        archive = zipfile.ZipFile(io.BytesIO(model) if isinstance(model, bytes) else model)
    except zipfile.BadZipFile:
        return None
    except OSError as error:
        raise ModelError(f"{name}{error.strerror or error}") from error
    try:
        with archive:
            if MEMBER not in archive.namelist():
                return None
            return _open(archive.read(MEMBER))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ModelError(f"{name}the archive behind the model is damaged ({error})") from error
    except ModelError as error:
        raise ModelError(f"{name}{error}") from error


def _open(content: bytes) -> StoredVocabulary:
    try:
        return StoredVocabulary(content)
    except CorruptTableError as error:
        raise ModelError(str(error)) from error
