"""`tfcompress codec`: every mode and baseline of the row codec on one table."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfcompress.choices import GranularityName
from tfcompress.errors import ConfigError, DataError
from tfcompress_cli import console

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tfcompress.codec.compare import Comparison
    from tfcompress.quantization import QuantizedTable


_SAVED = """\
saved, modes: all bytes against those of the table; header, index, codes and checksums count, and \
scales on both sides
saved, fixed stride: the longest row against 8 bits a value; nothing else counts
us/row: one random row in a call for many, one thread"""


def codec(
    table: Annotated[
        Path,
        typer.Argument(metavar="TABLE.npy", help="A matrix: floats, or int8/uint8 as they are."),
    ],
    granularity: Annotated[
        GranularityName | None,
        typer.Option(help="Scales that a float table is quantised with.", show_default="per-table"),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write everything to this file.")
    ] = None,
    plot_file: Annotated[
        Path | None, typer.Option("--plot", help="Draw row lengths and modes to this PNG.")
    ] = None,
    overwrite: console.Overwrite = False,
) -> None:
    """Compare every codec mode and baseline on one table, with the certified limit."""
    from tfcompress.codec.compare import compare
    from tfcompress.files import write_file

    console.refuse_outputs((json_file, plot_file), [table], overwrite=overwrite)
    if plot_file is not None:
        console.check_plot(plot_file)
    content = read_table(table, granularity)
    with console.err.status("reading") as status:
        result = compare(content, on_step=lambda name: status.update(f"{name} ..."))
    description = _describe(table, content)
    if json_file is not None:
        values = {**description, **result.to_json()}
        content_json = (json.dumps([values], indent=2) + "\n").encode()
        write_file(json_file, content_json, overwrite=overwrite)
    if plot_file is not None:
        from tfcompress_cli.codec_plot import draw

        write_file(plot_file, draw(content, result, title=table.name), overwrite=overwrite)
    # After the files: who reads what is shown may go away, as `head` does.
    show(result, description)


def read_table(
    path: Path, granularity: GranularityName | None = None
) -> NDArray[np.int8] | NDArray[np.uint8] | QuantizedTable:
    """Reads a matrix and quantises it to int8 if it is of floats.

    Args:
        path: Path. A .npy file, which is mapped, not read, where its integers are taken as such.
        granularity: str or None. For floats; None is one scale for the table.

    Returns:
        int8 or uint8 array, shape `(n, D)`, or the QuantizedTable of a float array.

    Raises:
        DataError: The file is missing, no .npy file, or holds no matrix of a known dtype.
        ConfigError: `granularity` is given for a table of integers, or a float is not finite.
    """
    import numpy as np

    from tfcompress.quantization import quantize

    try:
        array: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    except (ValueError, EOFError) as error:
        # NumPy takes what is no .npy file for a pickle, and says how to load that unsafely.
        reason = "" if "pickle" in str(error) else f" ({error})"
        raise DataError(f"{path}: not a .npy file of numbers{reason}") from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise DataError(f"{path}: an archive of arrays; save the table alone with numpy.save")
    if array.ndim != 2:
        raise DataError(f"{path}: got shape {array.shape}, expected (rows, columns)")
    if array.dtype in (np.int8, np.uint8):
        if granularity is not None:
            raise ConfigError(
                f"--granularity: {path} holds {array.dtype} values already; leave the flag out"
            )
        return array
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype not in (np.float16, np.float32, np.float64):
        raise DataError(f"{path}: got dtype {array.dtype}, expected a float, int8 or uint8 table")
    per_row = granularity == "per-row"
    return quantize(array, 8, "per_row" if per_row else "per_table", name=str(path))


def show(result: Comparison, description: dict[str, Any]) -> None:
    """Prints modes, the certified limit and baselines as one table each."""
    from rich.table import Table

    snr = description["snr_db"]
    console.say(
        f"{description['table']}: {result.rows:,} x {result.columns:,}, {description['dtype']}, "
        f"{result.entropy:.2f} bits of entropy a value"
        + ("" if snr is None else f", SNR {snr:.2f} dB ({description['granularity']})")
    )
    modes = Table(box=None, pad_edge=False)
    for name in ("mode", "saved %", "bits/value", "bytes", "stride bits", "encode s", "us/row"):
        modes.add_column(name, justify="left" if name == "mode" else "right", no_wrap=True)
    for mode in result.modes:
        modes.add_row(
            mode.name,
            f"{100 * mode.saved:.2f}",
            f"{mode.bits_per_value:.3f}",
            f"{mode.nbytes:,}",
            "-" if mode.stride_bits is None else f"{mode.stride_bits:,}",
            f"{mode.encode_s:.2f}",
            "-" if mode.decode_us is None else f"{mode.decode_us:.2f}",
            style="bold" if mode is result.best else None,
        )
    limits = Table(box=None, pad_edge=False)
    limits.add_column("fixed stride: limit and baselines")
    for name in ("saved %", "stride bits"):
        limits.add_column(name, justify="right", no_wrap=True)
    limits.add_row(
        f"certified limit of one code, words to {result.certificate.max_length} bits",
        f"{100 * result.certificate.saved(result.columns):.2f}",
        f"{result.certificate.stride:,}",
        style="bold",
    )
    for baseline in result.baselines:
        limits.add_row(baseline.name, f"{100 * baseline.saved:.2f}", f"{baseline.stride:,}")
    console.show(modes)
    console.out.print()
    console.show(limits)
    console.out.print()
    console.say(_SAVED)


def _describe(path: Path, table: Any) -> dict[str, Any]:
    """What is said of the table itself; an SNR only where this command quantised it."""
    snr = getattr(table, "snr_db", None)
    integers = getattr(table, "integers", table)
    return {
        "table": path.name,
        "dtype": str(integers.dtype),
        "granularity": getattr(table, "granularity", None),
        "snr_db": snr if snr is not None and math.isfinite(snr) else None,
    }
