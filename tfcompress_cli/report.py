"""`tfcompress report`: a sweep as one HTML page, a picture and Markdown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from tfcompress.errors import DataError
from tfcompress_cli import console

Option = typer.Option


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The --out of a sweep.")],
    out: Annotated[Path | None, Option(help="The page to write. Default: DIR/report.html.")] = None,
    png: Annotated[
        Path | None, Option(help="The picture. Default: beside the page, as .png.")
    ] = None,
    markdown: Annotated[Path | None, Option(help="Write all of it as Markdown here.")] = None,
    into: Annotated[
        Path | None,
        Option(
            help="Put the summary into this Markdown file, between its lines "
            "<!-- results: picture.png --> and <!-- end of results -->, and the picture there."
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        Option(
            "--overwrite",
            help="Replace files of --out, --png and --markdown. Those in DIR, and what --into "
            "marks, are replaced anyway.",
        ),
    ] = False,
) -> None:
    """Show a sweep: quality and latency against bytes, what won at each size, everything.

    Example: tfcompress report sweep --out report.html --markdown report.md
    """
    from tfcompress.files import write_file
    from tfcompress.report.markers import MarkedFile
    from tfcompress.report.page import to_html
    from tfcompress.report.sweep import read_sweep
    from tfcompress.report.sweep_markdown import summary_to_markdown, sweep_to_markdown
    from tfcompress.sweep.results import FILE

    if png is not None:
        console.check_plot(png, "--png")
    page = out or folder / "report.html"
    picture = png or page.with_suffix(".png")
    marked = None if into is None else MarkedFile.read(into)
    summary_picture = None if marked is None else marked.picture
    # A name that was given may be that of any file; the others are the command's own.
    own = (None if out else page, None if out or png else picture, into, summary_picture)
    named = (out, picture if out or png else None, markdown)
    console.refuse_outputs((*own, *named), [folder / FILE], overwrite=True)
    console.refuse_outputs(named, [folder / FILE], overwrite=overwrite)
    content = read_sweep(folder)
    if into is not None and not content.panels:
        raise DataError(f"{folder}: {content.summary}; {into} stays as it is")
    pictures: dict[Path, bytes] = {}
    try:
        from tfcompress.report.picture import to_png

        if content.panels:
            pictures[picture] = to_png(content.panels)
        if summary_picture is not None:
            pictures[summary_picture] = to_png(content.panels, latency=False)
    except ImportError:
        console.remark(f"no picture: matplotlib is not installed ({console.GET_MATPLOTLIB})")
    files = {page: to_html(content).encode(), **pictures}
    if markdown is not None:
        shown = os.path.relpath(picture, markdown.parent) if pictures else None
        files[markdown] = sweep_to_markdown(content, shown).encode()
    if into is not None and marked is not None:
        summary = summary_to_markdown(content, marked.shown if pictures else None)
        files[into] = marked.with_inside(summary).encode()
    for path, written in files.items():
        write_file(path, written, overwrite=overwrite or path not in named)
    console.say(f"{content.summary}: {', '.join(map(str, files))}")
