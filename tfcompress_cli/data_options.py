"""How data are read: options that commands share."""

from typing import Annotated

from typer import Option

PANEL = "Data"

Format = Annotated[
    str | None,
    Option(
        help="csv, tsv, parquet, recbole, movielens, criteo, pairs, adjacency or sequences; "
        "found out where left out.",
        rich_help_panel=PANEL,
    ),
]
UserColumn = Annotated[str | None, Option(rich_help_panel=PANEL)]
ItemColumn = Annotated[str | None, Option(rich_help_panel=PANEL)]
TimeColumn = Annotated[str | None, Option(rich_help_panel=PANEL)]
