"""`--max-loss`, `--max-bytes`, `--snr`: what the commands that search tables for a budget share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfcompress.choices import Target
from tfcompress.errors import ConfigError
from tfcompress_cli import console, curve

if TYPE_CHECKING:
    from tfcompress.search import Budget, Found

PANEL = "Smallest tables for a budget"
_UNITS = {"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KIB": 1 << 10, "MIB": 1 << 20}

MaxLoss = Annotated[
    str | None,
    typer.Option(
        help="The smallest tables that lose at most this share of validation quality, such as 1%.",
        rich_help_panel=PANEL,
    ),
]
MaxBytes = Annotated[
    str | None,
    typer.Option(
        help="The best tables of at most so many bytes, such as 200KB.", rich_help_panel=PANEL
    ),
]
Snr = Annotated[
    float | None,
    typer.Option(
        help="The smallest tables of this signal-to-noise ratio in dB; reads no data.",
        rich_help_panel=PANEL,
    ),
]
Metric = Annotated[
    str | None,
    typer.Option(
        help="The quality that --max-loss is a share of.",
        show_default="ndcg@10, accuracy",
        rich_help_panel=PANEL,
    ),
]
Curve = Annotated[
    Path | None, typer.Option(help="Write all trials as JSON here.", rich_help_panel=PANEL)
]
Plot = Annotated[
    Path | None, typer.Option(help="Write the curve as PNG here.", rich_help_panel=PANEL)
]


@dataclass(frozen=True)
class Wanted:
    """What the flags ask for.

    Attributes:
        budget: Budget.
        metric: str or None. A key of the validation's result; None takes the one of the training.
        data: str or None. Where the data of the training lie.
        target: str. What will decode the rows.
        code_output: bool. Whether output matrices are coded too.
        curve: Path or None. Where the trials go, as JSON.
        plot: Path or None. Where the picture of them goes.
    """

    budget: Budget
    metric: str | None
    data: str | None
    target: Target
    code_output: bool = False
    curve: Path | None = None
    plot: Path | None = None

    def check(self, out: Path, source: Path, codec: str, *, overwrite: bool) -> None:
        """Raises `ConfigError` for what would end the search in vain."""
        from tfcompress.search.budget import check_code_output, check_search_codec

        check_code_output(self.code_output, self.target)
        check_search_codec(codec, self.target, name="--codec")
        self.check_measuring(source)
        written = [path.resolve() for path in (out, self.curve, self.plot) if path is not None]
        for path in (self.curve, self.plot):
            if path is None:
                continue
            if source.resolve() in (path.resolve(), *path.resolve().parents):
                raise ConfigError(f"{path}: is or lies in the source {source}; name another place")
            if written.count(path.resolve()) > 1 or path.is_dir():
                raise ConfigError(f"{path}: is a folder or named twice; name another file")
        console.refuse_outputs((self.curve, self.plot), [], overwrite=overwrite)
        if self.plot is not None:
            console.check_plot(self.plot)

    def check_measuring(self, source: Path) -> None:
        """Raises `ConfigError` for flags about measuring that do not go with the source."""
        raise NotImplementedError

    def show_curve(self, found: Found) -> None:
        """Prints the curve, and says where more loss is expected than was asked for."""
        from tfcompress.search.within_budget import least_quality

        curve.show(found)
        left = self.budget.after(found.dense_loss, "dense weights")
        enough, expected = least_quality(left, found.reference), found.chosen.expected
        if enough is not None and expected is not None and expected < enough:
            console.say(
                f"the chosen tables are measured to lose at most {left.max_loss:.2%}, but expected "
                f"to lose {1 - expected / found.reference:.2%}: of no trial both were at most "
                "that, and of those measured to be, this is expected to lose least; allow more "
                "with --max-loss\n"
            )

    def write_curve(self, found: Found) -> None:
        """Writes what --curve and --plot ask for."""
        from tfcompress.files import write_file

        if self.curve is not None:
            write_file(self.curve, curve.to_json(found), overwrite=True)
        if self.plot is not None:
            write_file(self.plot, curve.to_png(found), overwrite=True)


def reached(found: Found, *, weighted: bool) -> str:
    """The SNR that a search without data came to, in a line.

    Args:
        found: Found.
        weighted: bool. Whether rows counted by how often they are read; in the SNR that `inspect`
            shows all count alike.
    """
    how = ", rows by how often they are read (inspect counts all alike)"
    return f"SNR of the coded tables: {found.chosen.quality:.2f} dB{how * weighted}"


def parse(max_loss: str | None, max_bytes: str | None, snr: float | None) -> Budget | None:
    """The budget that the flags give; None for none."""
    from tfcompress.search.budget import Budget

    if (max_loss, max_bytes, snr) == (None, None, None):
        return None
    return Budget(
        max_loss=None if max_loss is None else parse_share(max_loss),
        max_bytes=None if max_bytes is None else parse_bytes(max_bytes),
        snr_db=snr,
    )


def parse_share(text: str) -> float:
    """A number from such as `1%` or `0.01`."""
    number, percent = (text[:-1], 100) if text.endswith("%") else (text, 1)
    try:
        share = float(number) / percent
    except ValueError:
        raise ConfigError(f"--max-loss: got {text!r}, expected such as 1% or 0.01") from None
    if percent == 1 and share >= 1:
        raise ConfigError(
            f"--max-loss: got {text!r}, expected a share below 1, or percent: {text}%"
        )
    return share


def parse_bytes(text: str) -> float:
    """A number of bytes from such as `200KB` (thousands), `200KiB` or `200000`."""
    found = re.fullmatch(r"\s*([0-9.]+)\s*([A-Za-z]*)\s*", text)
    try:
        if found is None or found[2].upper() not in _UNITS:
            raise ValueError
        return float(found[1]) * _UNITS[found[2].upper()]
    except ValueError:
        raise ConfigError(f"--max-bytes: got {text!r}, expected such as 200KB or 200000") from None
