"""Opening a .tflite file with the runtime that phones use."""

from pathlib import Path
from typing import Any

from tfcompress.errors import ModelError
from tfcompress.tflite.graph.file_bytes import file_path
from tfcompress.tflite.runtime.delegate import delegates_for


def open_model(
    path: str | Path | bytes, num_threads: int = 1, *, kept_bytes: int | None = None
) -> Any:
    """Opens a file with LiteRT's interpreter, and the delegate where its tables need it.

    Args:
        path: path, or the bytes of a file. A file is mapped into memory, not read: its tables are
            paged in as rows are looked up.
        num_threads: int. Threads the kernels may use.
        kept_bytes: int or None. How many bytes of integers the delegate may keep in memory for each
            packed table that it has decoded, so that later calls need not: rows looked up (80 KB at
            most), and tables that scores are taken against (from the first call on, some 30 % of
            their int8 values where they are coarse). None: 8 MiB; 0: the least memory, and all is
            decoded by each call.

    Returns:
        ai_edge_litert.interpreter.Interpreter, not yet allocated: `get_signature_runner()` runs
        any batch size.

    Raises:
        ConfigError: `kept_bytes` is no number of bytes below 1,000,000,000.
        ModelError: there is no such file, it is no .tflite file, or a packed table is damaged.
    """
    from ai_edge_litert.interpreter import Interpreter

    source: Path | bytes
    given: dict[str, Any]
    if isinstance(path, bytes):
        name, source, given = "path", path, {"model_content": path}
    else:
        source = Path(file_path("path", path))
        name, given = str(source), {"model_path": str(source)}
        if not source.is_file():
            reason = "is a directory" if source.is_dir() else "no such file"
            raise ModelError(f"{name}: {reason}")
    delegates = delegates_for(source, kept_bytes=kept_bytes)
    try:
        return Interpreter(**given, num_threads=num_threads, experimental_delegates=delegates)
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{name}: cannot be opened as a .tflite file ({reason})") from error
