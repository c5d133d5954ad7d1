"""How tables and charts name files and data: short, and still apart from each other."""

from collections.abc import Sequence
from pathlib import Path


def short_names(paths: Sequence[Path]) -> list[str]:
    """Names of paths, with as many folders before them as it takes to tell different ones apart."""
    different = set(paths)
    for length in range(1, max((len(path.parts) for path in different), default=0) + 1):
        names = {path: Path(*path.parts[-length:]).as_posix() for path in different}
        if len(set(names.values())) == len(different):
            return [names[path] for path in paths]
    return [path.as_posix() for path in paths]
