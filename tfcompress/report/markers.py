"""A part of a Markdown file that a command writes, between two comments.

    <!-- results: docs/results.png -->
    ...
    <!-- end of results -->

The first one may name a picture (.png), relative to the file.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tfcompress.errors import DataError

_MARKERS = re.compile(
    r"<!-- results(?:: (?P<picture>[^\s>]+))? -->(?P<line_end>\r?\n)"
    r"(?P<inside>.*?)<!-- end of results -->",
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
        line_end: str. Of the first marker.
    """

    text: str
    start: int
    end: int
    picture: Path | None
    shown: str | None
    line_end: str

    @classmethod
    def read(cls, path: Path) -> "MarkedFile":
        """Finds the markers; raises `DataError` where there is no pair of them, or several."""
        try:
            text = path.read_bytes().decode()  # As it is: line ends are not ours to change.
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
        if picture is not None and picture.suffix.lower() != ".png":
            raise DataError(f"{path}: <!-- results: {shown} --> names no .png; correct it")
        start, end = found[0].span("inside")
        return cls(text, start, end, picture, shown, found[0]["line_end"])

    def with_inside(self, inside: str) -> str:
        """All of the file with another part between the markers, with line ends of the file."""
        written = inside.replace("\n", self.line_end)
        return self.text[: self.start] + written + self.text[self.end :]
