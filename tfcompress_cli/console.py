"""How the commands talk: results on stdout, progress and remarks on stderr."""

import importlib.util
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.cells import cell_len
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
from rich.table import Column, Table

from tfcompress import backend
from tfcompress.errors import ConfigError
from tfcompress.files import refuse_existing

# No markup: brackets in a path are not styles.
out = Console(markup=False)
err = Console(stderr=True, markup=False)

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist already.")]
GET_MATPLOTLIB = "pip install 'tfcompress[plot]'"
_FOLDED_WIDTH = 8
"""Of a column whose words may be broken, at least, where they are that long."""
Backend = backend.Backend
use_backend = backend.use_backend


def say(text: str) -> None:
    """Prints a result as it is: lines are the terminal's to wrap, and numbers take no colour."""
    out.print(text, highlight=False, soft_wrap=True)


def remark(text: str) -> None:
    """Prints a remark on stderr, as `say` does."""
    err.print(text, highlight=False, soft_wrap=True)


def show(table: Table) -> None:
    """Prints a table, a number never broken.

    Columns that are `no_wrap` are whole, of others the words but where their overflow is "fold".
    Where the terminal is too narrow even so, its lines are longer, and the terminal's to wrap.
    """
    _, right, _, left = table.padding
    gaps = len(table.columns) - (not table.pad_edge)
    needed = sum(map(_least_width, table.columns)) + gaps * (left + right)
    if needed > out.width:
        table.width = needed
    out.print(table, crop=False)


def _least_width(column: Column) -> int:
    texts = [str(column.header), *map(str, column.cells)]
    parts = texts if column.no_wrap else [word for text in texts for word in text.split()]
    widest = max(map(cell_len, parts), default=0)
    if column.overflow == "fold" and not column.no_wrap:
        widest = min(widest, _FOLDED_WIDTH)
    return max(widest, column.min_width or 0)


def refuse_outputs(
    outputs: Iterable[Path | None], inputs: Iterable[Path], *, overwrite: bool
) -> None:
    """Raises for outputs that cannot be written, before the work they are to hold.

    An output is no input, under whatever name, no folder and nothing that an input folder holds
    (but for .tflite files, which people keep in the folder of their run), and lies where a file can
    be made; no two of them are one. What is there already is replaced only where that was asked
    for: nothing tells a report that could be made again from a file that could not.

    Raises:
        ConfigError: An output is or has a wrong place.
        OutputExistsError: An output exists and `overwrite` is false.
    """
    read = {path.resolve() for path in inputs}
    written: set[Path] = set()
    for output in outputs:
        if output is None:
            continue
        target = output.resolve()
        is_device = output.exists() and not output.is_file()
        if target in written and not is_device:
            raise ConfigError(f"{output}: is named for two outputs; give each a name of its own")
        written.add(target)
        if output.is_dir() or target in read:
            raise ConfigError(f"{output}: is an input or a folder; name another file to write to")
        if output.exists() and output.suffix != ".tflite" and not read.isdisjoint(target.parents):
            raise ConfigError(f"{output}: is a part of an input; name another file to write to")
        folder = next(parent for parent in target.parents if parent.exists())
        if not folder.is_dir():
            raise ConfigError(f"{output}: {folder} is no folder; name another file to write to")
        # A file that is there is replaced by another, made beside it.
        if not is_device and not os.access(folder, os.W_OK):
            raise ConfigError(f"{output}: no file can be made in {folder}; name another place")
        refuse_existing(output, overwrite=overwrite)


def check_plot(path: Path, option: str = "--plot") -> None:
    """Raises `ConfigError` for a plot that could not be drawn, before the work it is to show."""
    if path.suffix.lower() != ".png":
        raise ConfigError(f"{option}: got {path}, expected a name that ends in .png")
    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigError(f"{option}: needs matplotlib; {GET_MATPLOTLIB} or leave it out")


def progress(*, with_time: bool = True) -> Progress:
    """A progress bar on stderr that vanishes when it is done; none where stderr is no terminal."""
    time = [TimeRemainingColumn()] if with_time else []
    return Progress(
        TextColumn("{task.description}", style="bold", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        *time,
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
    remark(f"{source}: downloaded to {archives.cache_folder()}")


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
