"""The delegate that serves packed lookups (`PACKED_OP.md`), for the interpreter in Python."""

import mmap
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from tfcompress.errors import ModelError
from tfcompress.native import DELEGATE_LIBRARY
from tfcompress.tflite.runtime.delegate_rows import CUSTOM_CODES


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


def delegates_for(model: bytes | Path, *, verify: bool = False) -> list[Any]:
    """What an interpreter of this file takes as `experimental_delegates`.

    Args:
        model: bytes or Path. The file.
        verify: bool. Check every packed table's rows against their checksums when the interpreter
            is made. This reads all of them.

    Raises:
        ModelError: the delegate is needed and is not there.
    """
    if not needs_delegate(model):
        return []
    from ai_edge_litert.interpreter import load_delegate

    if not DELEGATE_LIBRARY.is_file():
        raise ModelError(
            f"{DELEGATE_LIBRARY.name}, which serves packed lookups, is missing: install tfcompress "
            "anew"
        )
    return [load_delegate(str(DELEGATE_LIBRARY), {"verify": int(verify)})]


def _has_own_codes(model: Any) -> bool:
    return any(code.encode() in _custom_codes(model) for code in CUSTOM_CODES)


def _custom_codes(model: Any) -> list[bytes | None]:
    try:
        root = schema.Model.GetRootAs(model, 0)
        return [root.OperatorCodes(k).CustomCode() for k in range(root.OperatorCodesLength())]
    except Exception:  # flatbuffers raises what Python's struct, slices and attributes raise
        return []
