"""Opening a .tflite file with the runtime that phones use."""

from pathlib import Path
from typing import Any

from tfcompress.errors import ModelError


def open_model(path: str | Path, num_threads: int = 1) -> Any:
    """Opens a file with LiteRT's interpreter.

    Args:
        path: path. The file is mapped into memory, not read: its tables are paged in as rows are
            looked up.
        num_threads: int. Threads the kernels may use.

    Returns:
        ai_edge_litert.interpreter.Interpreter, not yet allocated: `get_signature_runner()` runs
        any batch size.

    Raises:
        ModelError: there is no such file, or it is no .tflite file.
    """
    from ai_edge_litert.interpreter import Interpreter

    if not Path(path).is_file():
        raise ModelError(f"{path}: no such file")
    try:
        return Interpreter(model_path=str(path), num_threads=num_threads)
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{path}: cannot be opened as a .tflite file ({reason})") from error
