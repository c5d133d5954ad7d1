"""Coded tables as one .npz: what a fine-tuned run keeps beside its model.

names                             table names, in order
00000.integers, 00000.steps, ...  the parts of the first table; no rotation or offset, no entry
"""

import io
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from tfcompress.errors import ConfigError
from tfcompress.rate_distortion.transformed_table import TransformedTable

_NUMBERS = ("shrink", "rotation_scale", "snr_db")


def tables_to_bytes(tables: Mapping[str, TransformedTable]) -> bytes:
    """The content of the file; the same tables give the same bytes."""
    parts: dict[str, Any] = {"names": np.array(list(tables), np.str_)}
    for number, table in enumerate(tables.values()):
        for field in fields(TransformedTable):
            value = getattr(table, field.name)
            if value is not None:
                parts[f"{number:05d}.{field.name}"] = np.asarray(value)
    content = io.BytesIO()
    np.savez_compressed(content, **parts)
    return content.getvalue()


def load_tables(path: Path) -> dict[str, TransformedTable]:
    """The tables of a file, by name.

    Raises:
        ConfigError: The file is missing or cannot be read.
    """
    try:
        with np.load(path) as stored:
            return {
                str(name): TransformedTable(**_parts(stored, number))
                for number, name in enumerate(stored["names"])
            }
    except Exception as error:
        raise ConfigError(
            f"{path}: holds no coded tables ({error}); make the run again with train --quantize"
        ) from error


def _parts(stored: Any, number: int) -> dict[str, Any]:
    parts: dict[str, Any] = dict.fromkeys(field.name for field in fields(TransformedTable))
    for name in parts:
        key = f"{number:05d}.{name}"
        if key in stored:
            parts[name] = float(stored[key]) if name in _NUMBERS else stored[key]
    return parts
