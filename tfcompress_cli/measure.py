"""`tfcompress measure`: size, quality, latency and memory of .tflite files, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfcompress.choices import BadRows
from tfcompress.errors import ConfigError
from tfcompress_cli import console, data_options

if TYPE_CHECKING:
    from tfcompress.measure import Measurement

Option = typer.Option

PARTS = ("quality", "latency", "memory")


def measure(
    models: Annotated[
        list[Path],
        typer.Argument(metavar="M.tflite [OTHER ...]", help="The first is the reference."),
    ],
    data: Annotated[
        str | None, Option(help="The data of the training; its test split gives the quality.")
    ] = None,
    remap: Annotated[
        bool, Option("--remap", help="Other data: map tokens through the stored vocabulary.")
    ] = False,
    vocabulary: Annotated[
        Path | None,
        Option(
            help="For --remap: vocabulary.parquet.", show_default="inside the model or beside it"
        ),
    ] = None,
    keep_seen: Annotated[
        bool, Option("--keep-seen", help="Rank items of the history too.")
    ] = False,
    runs: Annotated[int, Option(help="Timed runs per file and batch size, at least 50.")] = 200,
    skip: Annotated[
        list[str] | None, Option(help="quality, latency or memory; may be given again.")
    ] = None,
    json_file: Annotated[Path | None, Option("--json", help="Write JSON here.")] = None,
    csv_file: Annotated[Path | None, Option("--csv", help="Write CSV here.")] = None,
    markdown_file: Annotated[Path | None, Option("--markdown", help="Write Markdown here.")] = None,
    overwrite: console.Overwrite = False,
    format: data_options.Format = None,
    user_column: data_options.UserColumn = None,
    item_column: data_options.ItemColumn = None,
    time_column: data_options.TimeColumn = None,
    bad_rows: Annotated[
        BadRows | None,
        Option(
            help="Rows that cannot be used.",
            show_default="as in the training",
            rich_help_panel=data_options.PANEL,
        ),
    ] = None,
) -> None:
    """Measure .tflite files side by side.

    Example: tfcompress measure full.tflite memcom.tflite --data synthetic --json sizes.json

    Data are read as in the training where nothing else is said; columns only with --remap.
    """
    for part in skip or ():
        if part not in PARTS:
            raise typer.BadParameter(
                f"{part!r} is not one of {', '.join(PARTS)}", param_hint="--skip"
            )
    reading = {
        "format": format,
        "user_column": user_column,
        "item_column": item_column,
        "time_column": time_column,
        "bad_rows": bad_rows,
    }
    if data is None and (remap or vocabulary or keep_seen or any(reading.values())):
        raise ConfigError(
            "--remap, --vocabulary, --keep-seen and how data are read (--format, --bad-rows, ...) "
            "say how to measure quality; name --data, or leave them out"
        )
    read = [*models, *([Path(data)] if data else []), *([vocabulary] if vocabulary else [])]
    outputs = (json_file, csv_file, markdown_file)
    console.refuse_outputs(outputs, read, overwrite=overwrite)
    measurements = measure_side_by_side(
        models,
        data,
        runs=runs,
        remap=remap,
        vocabulary=vocabulary,
        **reading,
        mask_history=not keep_seen,
        **{part: part not in (skip or ()) for part in PARTS},
    )
    from tfcompress import report
    from tfcompress.files import write_file

    for path, render in zip(
        outputs, (report.to_json, report.to_csv, report.to_markdown), strict=True
    ):
        if path is not None:
            write_file(path, render(measurements).encode(), overwrite=overwrite)
    # After the files: who reads what is shown may go away, as `head` does.
    console.out.print(report.table(measurements), crop=False)


def measure_side_by_side(models: list[Path], data: str | None, **options: Any) -> list[Measurement]:
    """Measures with a line of progress; options as `tfcompress.measure`."""
    if data is not None:
        console.download(data)
    with console.err.status("Loading") as status:
        from tfcompress.measure import measure as measure_files

        return measure_files(
            models, data, progress=lambda text: status.update(f"Measuring {text}"), **options
        )
