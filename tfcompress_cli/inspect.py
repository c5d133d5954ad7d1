"""`tfcompress inspect`: where the bytes of a .tflite are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfcompress.errors import naming
from tfcompress_cli import console

if TYPE_CHECKING:
    from tfcompress.tflite import ModelInfo

_CONSTANTS_SHOWN = 5
_ROTATIONS = {
    "none": "no rotation",
    "folded": "rotation folded into the layers around it",
    "stored": "rotation stored",
}


def inspect(
    model: Annotated[Path, typer.Argument(metavar="M.tflite", help="Any .tflite file.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write everything to this file.")
    ] = None,
    overwrite: console.Overwrite = False,
) -> None:
    """Show where the bytes of a .tflite are: tables, other weights, graph."""
    from tfcompress.files import write_file
    from tfcompress.tflite import inspect_model
    from tfcompress.tflite.graph.file_bytes import read_file

    console.refuse_outputs([json_file], [model], overwrite=overwrite)
    content = read_file(model)
    with naming(model):
        info = inspect_model(content)
    if json_file is not None:
        write_file(
            json_file,
            (json.dumps([{"file": model.name, **info.to_json()}], indent=2) + "\n").encode(),
            overwrite=overwrite,
        )
    # After the file: who reads what is shown may go away, as `head` does.
    show_model(info, title=str(model))


def show_model(info: ModelInfo, *, title: str, unpackable: bool = True) -> None:
    """Prints what packing cannot help, the tables (SNR in dB), other constants, and the sum."""
    from rich.table import Table

    from tfcompress.report import bytes_text
    from tfcompress.vocabulary import FIRST_ID

    for left in info.unpackable[:_CONSTANTS_SHOWN] if unpackable else ():
        shape = " x ".join(map(str, left.shape))
        console.say(
            f"Packing cannot help: {left.name} ({shape} {left.dtype}, "
            f"{bytes_text(left.bytes)}), because {left.reason}"
        )
    tables = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("table", "rows", "cols", "dtype", "codec", "stored", "bits", "SNR"):
        tables.add_column(
            name,
            justify="left" if name in ("table", "dtype", "codec") else "right",
            overflow="fold",
            no_wrap=name != "table",
        )
    for table in info.tables:
        tables.add_row(
            table.name,
            f"{table.rows:,}",
            f"{table.cols:,}",
            table.dtype,
            table.codec,
            bytes_text(table.stored_bytes),
            f"{table.bits_per_value:.2f}",
            "-" if table.snr_db is None else f"{table.snr_db:.1f}",
        )
    if info.tables:
        console.show(tables)
        for name, entry in info.transforms.items():
            count = len(entry["class_starts"])
            console.say(
                f"{name}: {count} row class{'es' * (count > 1)}, shrink {entry['shrink']:.3f}, "
                f"{_ROTATIONS.get(entry['rotation'], entry['rotation'])}"
            )
        for name, snr_db in info.embedding_snr_db.items():
            console.say(f"{name}: SNR {snr_db:.1f} dB of the vectors looked up")
    else:
        console.say(f"{title}: no embedding table")
    if info.constants:
        constants = Table(box=None, pad_edge=False)
        for name in ("other constants", "shape", "dtype", "bytes", "read by"):
            constants.add_column(
                name,
                justify="right" if name == "bytes" else "left",
                overflow="fold",
                no_wrap=name not in ("other constants", "read by"),
            )
        for constant in info.constants[:_CONSTANTS_SHOWN]:
            constants.add_row(
                constant.name,
                " x ".join(map(str, constant.shape)) or "scalar",
                constant.dtype,
                bytes_text(constant.bytes),
                ", ".join(constant.used_by),
            )
        console.out.print()
        console.show(constants)
        if (more := len(info.constants) - _CONSTANTS_SHOWN) > 0:
            console.say(f"... and {more} smaller ones")
    console.out.print()
    console.say(
        f"{info.file_bytes:,} bytes = tables {info.table_bytes:,} + dense {info.dense_bytes:,} + "
        f"graph {info.graph_bytes:,} + vocabulary {info.vocabulary_bytes:,}"
    )
    if info.vocabulary is not None:
        known = info.vocabulary.size - FIRST_ID
        console.say(
            f"Vocabulary: {known:,} {info.vocabulary.kind}, "
            f"{8 * info.vocabulary.bytes / max(known, 1):.1f} bits each"
        )
    if info.table_ratio and info.file_ratio:
        console.say(
            f"Against plain float32 tables: tables {info.table_ratio:.1f}x smaller, "
            f"file {info.file_ratio:.1f}x smaller."
        )
