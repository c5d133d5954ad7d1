"""Saving .keras files whose bytes follow from the model alone."""

import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import keras

from tfcompress.errors import ConfigError
from tfcompress.files import new_file

# The earliest that a ZIP archive can say; Keras writes the time of saving.
_DATE = (1980, 1, 1, 0, 0, 0)
_DATE_SAVED = "1980-01-01@00:00:00"


def save_model(model: keras.Model, path: Path) -> None:
    """Saves a model as Keras does, without what differs between two times of saving it.

    That is the time itself and the addresses in memory by which the configuration tells objects
    that layers share; they are numbered instead, in the order in which they occur.

    Args:
        model: keras.Model.
        path: Path. Ends in .keras; a file that is there is replaced.

    Raises:
        ConfigError: `path` has another ending.
    """
    if path.suffix != ".keras":
        raise ConfigError(f"path: got {path}, expected a name that ends in .keras")
    with new_file(path) as made, tempfile.TemporaryDirectory(dir=made.parent) as folder:
        original = Path(folder) / "model.keras"
        model.save(original)
        with zipfile.ZipFile(original) as source, zipfile.ZipFile(made, "w") as target:
            for entry in source.infolist():
                _copy(source, entry, target)


def _copy(source: zipfile.ZipFile, entry: zipfile.ZipInfo, target: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo(entry.filename, _DATE)
    info.compress_type = entry.compress_type
    if entry.filename == "config.json":
        config = json.loads(source.read(entry))
        _number_shared_objects(config, {})
        target.writestr(info, json.dumps(config))
    elif entry.filename == "metadata.json":
        metadata = json.loads(source.read(entry))
        target.writestr(info, json.dumps({**metadata, "date_saved": _DATE_SAVED}))
    else:
        info.file_size = entry.file_size  # Above 2 GB an entry is written in another way.
        with source.open(entry) as stream, target.open(info, "w") as copy:
            shutil.copyfileobj(stream, copy, 1 << 20)


def _number_shared_objects(config: Any, numbers: dict[int, int]) -> None:
    """Renames each `shared_object_id` to the number of ids seen before it."""
    if isinstance(config, dict):
        if (address := config.get("shared_object_id")) is not None:
            config["shared_object_id"] = numbers.setdefault(address, len(numbers))
        for part in config.values():
            _number_shared_objects(part, numbers)
    elif isinstance(config, list):
        for part in config:
            _number_shared_objects(part, numbers)
