"""`tfcompress report`: a sweep as one HTML page, a picture and Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfcompress_cli import console

Option = typer.Option


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The --out of a sweep.")],
    out: Annotated[Path | None, Option(help="The page to write. Default: DIR/report.html.")] = None,
    png: Annotated[
        Path | None, Option(help="The picture. Default: beside the page, as .png.")
    ] = None,
    markdown: Annotated[Path | None, Option(help="Write Markdown for a README here.")] = None,
) -> None:
    """Show a sweep: quality and latency against bytes, what won at each size, everything.

    Example: tfcompress report sweep --out report.html --markdown report.md
    """
    from tfcompress.files import write_file
    from tfcompress.report.page import to_html
    from tfcompress.report.sweep import read_sweep
    from tfcompress.report.sweep_markdown import sweep_to_markdown
    from tfcompress.sweep.results import FILE

    page = out or folder / "report.html"
    picture = png or page.with_suffix(".png")
    console.refuse_outputs((page, picture, markdown), [folder / FILE])
    content = read_sweep(folder)
    write_file(page, to_html(content).encode())
    written = [page]
    try:
        from tfcompress.report.picture import to_png

        write_file(picture, to_png(content.panels))
        written.append(picture)
    except ImportError:
        console.err.print("no picture: matplotlib is not installed (pip install tfcompress[plot])")
    if markdown is not None:
        shown = picture.name if picture in written else None
        write_file(markdown, sweep_to_markdown(content, shown).encode())
        written.append(markdown)
    console.out.print(
        f"{content.summary}: {', '.join(map(str, written))}", highlight=False, soft_wrap=True
    )
