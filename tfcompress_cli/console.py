"""How the commands talk: results on stdout, progress and remarks on stderr."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from tfcompress.errors import ConfigError

# No markup: brackets in a path are not styles.
out = Console(markup=False)
err = Console(stderr=True, markup=False)

Backend = Literal["tensorflow", "jax"]


def refuse_outputs(outputs: Iterable[Path | None], inputs: Iterable[Path]) -> None:
    """Raises `ConfigError` for an output that is an input, under whatever name, or a folder."""
    read = {path.resolve() for path in inputs}
    for output in outputs:
        if output is not None and (output.is_dir() or output.resolve() in read):
            raise ConfigError(f"{output}: is an input or a folder; name another file to write to")


def progress() -> Progress:
    """A progress bar on stderr that vanishes when it is done; none where stderr is no terminal."""
    return Progress(
        TextColumn("{task.description}", style="bold", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


def download(source: str) -> None:
    """Downloads a data set known by name, with a progress bar, unless it is in the cache."""
    from tfcompress.data import archives

    if not archives.needs_download(source):
        return
    columns = (
        TextColumn("{task.description}", style="bold", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(f"downloading {source}", total=None)
        archives.fetch(source, lambda done, total: bar.update(task, completed=done, total=total))
    err.print(f"{source}: downloaded to {archives.cache_folder()}", highlight=False)


def use_backend(name: Backend) -> None:
    """Chooses Keras' backend and quietens TensorFlow; call before Keras is imported."""
    os.environ["KERAS_BACKEND"] = name
    if name == "jax":
        # Keras imports TensorFlow where it finds it, also to save a model trained on JAX.
        sys.modules.setdefault("tensorflow", None)  # type: ignore[arg-type]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("ABSL_MIN_LOG_LEVEL", "3")


def silence_native_logs() -> None:
    """Drops what C++ libraries write to stderr; Python's stderr stays where it is.

    TensorFlow and LiteRT log to file descriptor 2 before they can be told not to.
    """
    try:
        kept = os.dup(2)
    except OSError:
        return  # No stderr at all.
    sys.stderr = os.fdopen(kept, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    os.close(nothing)
