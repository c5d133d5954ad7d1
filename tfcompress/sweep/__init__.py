"""Many trainings, many files of each, every file measured: a grid, run on one machine, resumable.

`grid` checks settings, `plan` turns them into artefacts, `unit.run_one` makes one of them, `runner`
runs them in processes, `results` keeps a line for each, `again` measures what finished files lack.
"""

from tfcompress.sweep.again import still_to_run
from tfcompress.sweep.artefact import Artefact
from tfcompress.sweep.grid import Grid
from tfcompress.sweep.plan import Plan, expand
from tfcompress.sweep.results import Results, read_rows
from tfcompress.sweep.runner import run_sweep

__all__ = [
    "Artefact",
    "Grid",
    "Plan",
    "Results",
    "expand",
    "read_rows",
    "run_sweep",
    "still_to_run",
]
