"""The delegate that serves packed lookups (`PACKED_OP.md`), for the interpreter in Python."""

import mmap
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from tfcompress.errors import ConfigError, ModelError
from tfcompress.native import DELEGATE_LIBRARY
from tfcompress.tflite.runtime.delegate_rows import CUSTOM_CODES

MAX_KEPT_BYTES = 999_999_999


def needs_delegate(model: bytes | Path) -> bool:
    """Whether a .tflite file has operators that only the delegate serves.

    Args:
        model: bytes or Path. The file; only its operator codes are read. A damaged one needs no
            delegate: the interpreter says what is wrong with it.
    """
    if isinstance(model, bytes):
        return _has_own_codes(model)
    if not model.stat().st_size:  # which cannot be mapped
        return False
    with model.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return _has_own_codes(mapped)


def delegates_for(
    model: bytes | Path, *, verify: bool = False, kept_bytes: int | None = None
) -> list[Any]:
    """What an interpreter of this file takes as `experimental_delegates`.

    Args:
        model: bytes or Path. The file.
        verify: bool. Check every packed table's rows against their checksums when the interpreter
            is made. This reads all of them.
        kept_bytes: int or None. How many bytes of integers that were decoded may stay in memory for
            each table, at most `MAX_KEPT_BYTES`: rows looked up (80 KB at most), and tables that
            scores are taken against. None: 8 MiB; 0: nothing is kept.

    Raises:
        ConfigError: `kept_bytes` is no such number.
        ModelError: the delegate is needed and is not there.
    """
    if kept_bytes is not None and not 0 <= kept_bytes <= MAX_KEPT_BYTES:
        raise ConfigError(f"kept_bytes: got {kept_bytes!r}, expected 0 to {MAX_KEPT_BYTES:,}")
    if not needs_delegate(model):
        return []
    from ai_edge_litert.interpreter import load_delegate

    if not DELEGATE_LIBRARY.is_file():
        raise ModelError(
            f"{DELEGATE_LIBRARY.name}, which serves packed lookups, is missing: install tfcompress "
            "anew"
        )
    options = {"verify": int(verify)}
    if kept_bytes is not None:
        options["kept_bytes"] = int(kept_bytes)
    return [load_delegate(str(DELEGATE_LIBRARY), options)]


def _has_own_codes(model: Any) -> bool:
    return any(code.encode() in _custom_codes(model) for code in CUSTOM_CODES)


def _custom_codes(model: Any) -> list[bytes | None]:
    try:
        root = schema.Model.GetRootAs(model, 0)
        return [root.OperatorCodes(k).CustomCode() for k in range(root.OperatorCodesLength())]
    except Exception:  # flatbuffers raises what Python's struct, slices and attributes raise
        return []
