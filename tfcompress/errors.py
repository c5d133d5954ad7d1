"""The errors a user can cause: one line that names what was wrong and says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class TfcompressError(Exception):
    """Base of every error that the input causes; the command line prints it and exits with 2."""


class DataError(TfcompressError, ValueError):
    """A file, row or column of the user's data cannot be used."""


class ConfigError(TfcompressError, ValueError):
    """An argument or a combination of arguments cannot be used."""


class ModelError(TfcompressError, ValueError):
    """A Keras model or a .tflite file cannot be used."""


class CorruptTableError(TfcompressError, ValueError):
    """The bytes of a packed table are not what its format says."""


class OutputExistsError(TfcompressError, FileExistsError):
    """The output is there already and overwriting was not asked for."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Inside, what is wrong with a model or a packed table is said of the file it is from."""
    try:
        yield
    except (ModelError, CorruptTableError) as error:
        raise type(error)(f"{path}: {error}") from error


def first_line(error: Exception) -> str:
    """What an error of another library says, for one of ours: its first line that is not empty.

    At most 300 characters; the type of an error that says nothing.
    """
    lines = (line.strip() for line in str(error).splitlines())
    return next((line for line in lines if line), type(error).__name__)[:300]
