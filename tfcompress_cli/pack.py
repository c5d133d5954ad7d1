"""`tfcompress pack` and `tfcompress unpack`: the tables of any .tflite, packed or coded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfcompress.choices import DecoderChoice, PackCodec, Target
from tfcompress.errors import ConfigError, naming
from tfcompress_cli import budget, console, file_search

if TYPE_CHECKING:
    from tfcompress.tflite import Packing
    from tfcompress.tflite.packing.lookups import LeftConstant

Option = typer.Option

_LEFT_SHOWN = 5
_LEFT_SHARE = 0.01
"""Smaller parts of the file are only counted."""

Source = Annotated[Path, typer.Argument(metavar="IN.tflite", help="Any .tflite file.")]
Out = Annotated[Path, Option(help="The .tflite to write.")]


def pack(
    source: Source,
    out: Out,
    codec: Annotated[PackCodec, Option(help="How rows are packed; auto: the smallest.")] = "auto",
    target: Annotated[
        Target, Option(help="What decodes the rows: builtin operators or our delegate.")
    ] = "builtin",
    decoder: Annotated[
        DecoderChoice,
        Option(help="For target builtin: up to ten ids at a time, or more; auto: by the shape."),
    ] = "auto",
    overwrite: console.Overwrite = False,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Pack in memory, show the bytes, write nothing.")
    ] = False,
    max_loss: budget.MaxLoss = None,
    max_bytes: budget.MaxBytes = None,
    snr: budget.Snr = None,
    metric: budget.Metric = None,
    data: Annotated[
        str | None,
        Option(
            help="The data of the training: losses are measured on its validation split, and its "
            "counts weight the rows.",
            rich_help_panel=budget.PANEL,
        ),
    ] = None,
    ranked_rows: Annotated[
        bool,
        Option(
            "--ranked-rows",
            help="Rows are sorted, the most frequent first: rare ones may be coarser.",
            rich_help_panel=budget.PANEL,
        ),
    ] = False,
    code_output: Annotated[
        bool,
        Option(
            "--code-output",
            help="Code matrices too that scores are taken against (8 or more rows a column).",
            rich_help_panel=budget.PANEL,
        ),
    ] = False,
    curve: budget.Curve = None,
    plot: budget.Plot = None,
) -> None:
    """Pack the embedding tables of a .tflite: smaller in the file and in memory.

    Outputs stay the same, unless a budget says what may be lost.

    Example: tfcompress pack model.tflite --out small.tflite
    """
    from tfcompress.files import write_file

    limit = budget.parse(max_loss, max_bytes, snr)
    content = _read(source, out, overwrite=overwrite or dry_run)
    search = None
    if limit is not None:
        wanted = file_search.WantedOfFile(
            limit,
            metric=metric,
            data=data,
            target=target,
            curve=curve,
            plot=plot,
            ranked_rows=ranked_rows,
            code_output=code_output,
        )
        wanted.check(out, source, codec, overwrite=overwrite or dry_run)
        with naming(source):
            search = file_search.find(source, content, wanted, codec=codec, decoder=decoder)
        packing = search.packed.packing
    elif any((metric, data, curve, plot, ranked_rows, code_output)):
        raise ConfigError(
            "--metric, --data, --ranked-rows, --code-output, --curve and --plot belong to a "
            "search; give --max-loss, --max-bytes or --snr"
        )
    else:
        with console.err.status("Packing"), naming(source):
            from tfcompress import tflite

            packing = tflite.pack_model(content, codec=codec, target=target, decoder=decoder)
    if not dry_run:
        # Before it is shown: who reads that may go away, as `head` does.
        write_file(out, packing.content, overwrite=overwrite)
        if search is not None:
            search.write_curve()
    if search is not None:
        search.show()
        # What is left as it is altogether comes below.
        left = {constant.name for constant in packing.left}
        only_packed = [part for part in search.packed.left if part.name not in left]
        show_left("packed without loss", only_packed, len(packing.content))
    show_packing(packing)
    size = len(packing.content)
    console.say(
        f"{source}: {len(content):,} bytes -> {out}: {size:,} bytes "
        f"({size / len(content) - 1:+.1%})"
    )
    if packing.was_packed and size > len(content):
        console.say(
            "Larger than it was: tables that were packed already are packed anew, "
            f"for target {target} and codec {codec}."
        )
    if dry_run:
        console.say(f"Dry run: {out} was not written.")
    if search is not None:
        console.say(search.check(content))


def unpack(source: Source, out: Out, overwrite: console.Overwrite = False) -> None:
    """Bring packed tables back: plain constants, same outputs.

    Example: tfcompress unpack small.tflite --out model.tflite
    """
    from tfcompress.files import write_file

    content = _read(source, out, overwrite=overwrite)
    from tfcompress import tflite

    with naming(source):
        plain = tflite.unpack(content)
    write_file(out, plain, overwrite=overwrite)
    if plain == content:
        console.say("no table is packed; the file stays as it is")
    console.say(f"{source}: {len(content):,} bytes -> {out}: {len(plain):,} bytes")


def show_packing(packing: Packing) -> None:
    """Prints what stays as it is and why, largest first, then the packed tables."""
    from rich.table import Table

    from tfcompress.report import bytes_text

    show_left("left as it is", packing.left, len(packing.content))
    tables = Table(box=None, pad_edge=False)
    for name in ("packed table", "rows", "cols", "dtype", "codec", "decoder", "before", "after"):
        text = name in ("packed table", "dtype", "codec", "decoder")
        tables.add_column(
            name,
            justify="left" if text else "right",
            overflow="fold",
            no_wrap=name != "packed table",
        )
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
        console.show(tables)
    else:
        console.say("no table was packed")
    console.out.print()


def show_left(title: str, left: Sequence[LeftConstant], file_bytes: int) -> None:
    """Prints constants with what speaks against them, largest first; none of the small ones."""
    from rich.table import Table

    from tfcompress.report import bytes_text

    table = Table(box=None, pad_edge=False)
    for name in (title, "shape", "dtype", "bytes", "because"):
        table.add_column(
            name,
            justify="right" if name == "bytes" else "left",
            overflow="fold",
            no_wrap=name not in (title, "because"),
        )
    large = [constant for constant in left if constant.bytes >= _LEFT_SHARE * file_bytes]
    for constant in large[:_LEFT_SHOWN]:
        shape = " x ".join(map(str, constant.shape)) or "scalar"
        size = bytes_text(constant.bytes)
        table.add_row(constant.name, shape, constant.dtype, size, constant.reason)
    if large:
        console.show(table)
        if (more := len(left) - len(large[:_LEFT_SHOWN])) > 0:
            console.say(f"... and {more} smaller ones")
        console.out.print()


def _read(source: Path, out: Path, *, overwrite: bool) -> bytes:
    """The content of the source, once the output is known to be a place to write to."""
    console.refuse_outputs([out], [source], overwrite=overwrite)
    from tfcompress.tflite.graph.file_bytes import read_file

    return read_file(source)
