"""A part of a Markdown file that a command writes, between two comments.

    <!-- results: docs/results.png -->
    ...
    <!-- end of results -->

The first one may name a picture, relative to the file.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tfcompress.errors import DataError

_MARKERS = re.compile(
    r"<!-- results(?:: (?P<picture>[^\s>]+))? -->\n(?P<inside>.*?)<!-- end of results -->",
    re.DOTALL,
)


@dataclass(frozen=True)
class MarkedFile:
    """A file with markers.

    Attributes:
        text: str. All of it.
        start: int. Where the part between the markers begins.
        end: int. Where it ends.
        picture: Path or None. Where the first marker wants a picture.
        shown: str or None. The same as the file names it.
    """

    text: str
    start: int
    end: int
    picture: Path | None
    shown: str | None

    @classmethod
    def read(cls, path: Path) -> "MarkedFile":
        """Finds the markers; raises `DataError` where there is no pair of them, or several."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: cannot be read ({error})") from None
        found = list(_MARKERS.finditer(text))
        if len(found) != 1:
            raise DataError(
                f"{path}: has {len(found)} parts between <!-- results --> and <!-- end of results "
                "-->, each on a line of its own; expected one"
            )
        shown = found[0]["picture"]
        picture = None if shown is None else path.parent / shown
        return cls(text, found[0].start("inside"), found[0].end("inside"), picture, shown)

    def with_inside(self, inside: str) -> str:
        """All of the file with another part between the markers."""
        return self.text[: self.start] + inside + self.text[self.end :]
