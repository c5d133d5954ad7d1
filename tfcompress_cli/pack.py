"""`tfcompress pack` and `tfcompress unpack`: the tables of any .tflite, packed without loss."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from tfcompress.errors import CorruptTableError, ModelError
from tfcompress_cli import console

if TYPE_CHECKING:
    from tfcompress.tflite import Packing

Option = typer.Option
Result = TypeVar("Result")

Codec = Literal["auto", "fixed", "indexed", "context", "rate", "predictive", "raw"]
Target = Literal["builtin", "delegate"]
Decoder = Literal["auto", "few-ids", "many-ids"]

_LEFT_SHOWN = 5
_LEFT_SHARE = 0.01
"""Smaller parts of the file are only counted."""

Source = Annotated[Path, typer.Argument(metavar="IN.tflite", help="Any .tflite file.")]
Out = Annotated[Path, Option(help="The .tflite to write.")]
Overwrite = Annotated[bool, Option("--overwrite", help="Replace an existing file.")]


def pack(
    source: Source,
    out: Out,
    codec: Annotated[Codec, Option(help="How rows are packed; auto: the smallest.")] = "auto",
    target: Annotated[
        Target, Option(help="What decodes the rows: builtin operators or our delegate.")
    ] = "builtin",
    decoder: Annotated[
        Decoder,
        Option(help="For target builtin: up to ten ids at a time, or more; auto: by the shape."),
    ] = "auto",
    overwrite: Overwrite = False,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Pack in memory, show the bytes, write nothing.")
    ] = False,
) -> None:
    """Pack the embedding tables of a .tflite: smaller in the file and in memory, same outputs.

    Example: tfcompress pack model.tflite --out small.tflite
    """
    from tfcompress.files import write_file

    content = _read(source, out, overwrite=overwrite or dry_run)
    with console.err.status("Packing"):
        from tfcompress import tflite

        packing = _named(
            source,
            lambda: tflite.pack_model(content, codec=codec, target=target, decoder=decoder),
        )
    show_packing(packing)
    size = len(packing.content)
    console.out.print(
        f"{source}: {len(content):,} bytes -> {out}: {size:,} bytes "
        f"({size / len(content) - 1:+.1%})",
        highlight=False,
        soft_wrap=True,
    )
    if dry_run:
        console.out.print(f"Dry run: {out} was not written.", highlight=False)
    else:
        write_file(out, packing.content, overwrite=overwrite)


def unpack(source: Source, out: Out, overwrite: Overwrite = False) -> None:
    """Bring packed tables back: plain constants, same outputs.

    Example: tfcompress unpack small.tflite --out model.tflite
    """
    from tfcompress.files import write_file

    content = _read(source, out, overwrite=overwrite)
    from tfcompress import tflite

    plain = _named(source, lambda: tflite.unpack(content))
    console.out.print(
        f"{source}: {len(content):,} bytes -> {out}: {len(plain):,} bytes",
        highlight=False,
        soft_wrap=True,
    )
    write_file(out, plain, overwrite=overwrite)


def show_packing(packing: Packing) -> None:
    """Prints what stays as it is and why, largest first, then the packed tables."""
    from rich.table import Table

    from tfcompress.report import bytes_text

    left = Table(box=None, pad_edge=False)
    for name in ("left as it is", "shape", "dtype", "bytes", "because"):
        left.add_column(name, justify="right" if name == "bytes" else "left", overflow="fold")
    large = [c for c in packing.left if c.bytes >= _LEFT_SHARE * len(packing.content)]
    for constant in large[:_LEFT_SHOWN]:
        shape = " x ".join(map(str, constant.shape)) or "scalar"
        size = bytes_text(constant.bytes)
        left.add_row(constant.name, shape, constant.dtype, size, constant.reason)
    if large:
        console.out.print(left)
        if (more := len(packing.left) - len(large[:_LEFT_SHOWN])) > 0:
            console.out.print(f"... and {more} smaller ones", highlight=False)
        console.out.print()
    tables = Table(box=None, pad_edge=False)
    for name in ("packed table", "rows", "cols", "dtype", "codec", "decoder", "before", "after"):
        text = name in ("packed table", "dtype", "codec", "decoder")
        tables.add_column(name, justify="left" if text else "right", overflow="fold")
    for table in packing.packed:
        tables.add_row(
            table.name,
            f"{table.rows:,}",
            f"{table.cols:,}",
            table.dtype,
            table.codec,
            table.decoder,
            bytes_text(table.raw_bytes),
            bytes_text(table.packed_bytes),
        )
    if packing.packed:
        console.out.print(tables)
    else:
        console.out.print("no table was packed", highlight=False)
    console.out.print()


def _read(source: Path, out: Path, *, overwrite: bool) -> bytes:
    """The content of the source, once the output is known to be a place to write to."""
    from tfcompress.files import refuse_existing

    console.refuse_outputs([out], [source])
    refuse_existing(out, overwrite=overwrite)
    try:
        return source.read_bytes()
    except OSError as error:
        raise ModelError(f"{source}: {error.strerror or error}") from error


def _named(source: Path, function: Callable[[], Result]) -> Result:
    """What the function gives; its errors name the file."""
    try:
        return function()
    except (ModelError, CorruptTableError) as error:
        raise type(error)(f"{source}: {error}") from error
