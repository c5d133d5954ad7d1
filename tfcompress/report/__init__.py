"""Measurements as a reader wants them: side by side (`measurements`), and those of a sweep."""

from tfcompress.report.measurements import notes, table, to_csv, to_json, to_markdown
from tfcompress.report.text import bytes_text, ratio_text, time_text

__all__ = [
    "bytes_text",
    "notes",
    "ratio_text",
    "table",
    "time_text",
    "to_csv",
    "to_json",
    "to_markdown",
]
