"""The vocabulary inside a .tflite: a member of the archive behind the flatbuffer."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfcompress.errors import ConfigError, CorruptTableError, ModelError
from tfcompress.stored_vocabulary import StoredVocabulary, store
from tfcompress.tflite.graph.associated import AssociatedFile, open_archive, read_member
from tfcompress.tflite.graph.file_bytes import file_path
from tfcompress.validation import shown
from tfcompress.vocabulary import Vocabulary

MEMBER = "vocabulary.tfcv"


def vocabulary_file(vocabulary: Vocabulary) -> AssociatedFile:
    """The member of the archive: stored, not deflated, so that a phone reads it where it lies."""
    return AssociatedFile(zipfile.ZipInfo(MEMBER), store(vocabulary))


def check_vocabulary(
    vocabulary: Vocabulary, input_dims: Sequence[int], trained_on: Mapping[str, Any]
) -> None:
    """Refuses a vocabulary whose ids are not those of the model.

    Args:
        vocabulary: Vocabulary.
        input_dims: ints. The number of ids of each embedding.
        trained_on: mapping. The metadata of the training; empty where it is not known.

    Raises:
        ConfigError: it is none, it is not the one of the training or, where that is not known, no
            embedding has as many ids.
    """
    if not isinstance(vocabulary, Vocabulary):
        raise ConfigError(
            f"vocabulary: got {shown(vocabulary)}, expected a Vocabulary; Vocabulary.load(path) "
            "reads that of a run"
        )
    expected = trained_on.get("vocabulary_sha256")
    if expected is not None and vocabulary.sha256 != expected:
        raise ConfigError(
            f"vocabulary: it is {vocabulary.sha256[:12]}, the model was trained with "
            f"{expected[:12]}; pass the vocabulary.parquet of its run"
        )
    if expected is None and vocabulary.size not in input_dims:
        dims = ", ".join(map(str, input_dims)) or "none"
        raise ConfigError(
            f"vocabulary: it has {vocabulary.size} ids, the model's embeddings {dims}; pass the "
            "one the model was trained with"
        )


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
    source: Any
    if isinstance(model, (bytes, bytearray, memoryview)):
        name, source = "", io.BytesIO(model)
    else:
        name, source = f"{model}: ", file_path("model", model)
    try:
        archive = open_archive(source)
        if archive is None:
            return None
        with archive:
            if MEMBER not in archive.namelist():
                return None
            return _open(read_member(archive, archive.getinfo(MEMBER)))
    except OSError as error:
        raise ModelError(f"{name}{error.strerror or error}") from error
    except ModelError as error:
        raise ModelError(f"{name}{error}") from error


def _open(content: bytes) -> StoredVocabulary:
    try:
        return StoredVocabulary(content)
    except CorruptTableError as error:
        raise ModelError(str(error)) from error
