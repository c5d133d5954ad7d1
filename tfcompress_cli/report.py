"""`tfcompress report`: a sweep as one HTML page, a picture and Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Option = typer.Option


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The --out of a sweep.")],
) -> None:
    """Show a sweep."""
