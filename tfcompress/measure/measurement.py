"""What is known of one .tflite file after measuring it, and its JSON form.

The JSON object of a file:

    file, file_bytes
    bytes          {tables, dense, graph, vocabulary}, which sum to file_bytes
    ratio          {table, file}: how many times smaller than with plain float32 tables
    tables         [{name, rows, cols, dtype, codec, stored_bytes, bits_per_value, snr_db}]
    embedding_snr_db  {name: SNR of the vectors that an embedding of several tables looks up}
    quality        {ndcg@10, hr@10, ...} or {accuracy, macro_f1, ...}, or null
    latency_us     {"1": {p50, p95}, "32": {p50, p95}}, by batch size
    memory_bytes   {after_load, peak_anonymous, peak_file}, each a number or null
    environment    {cpu, cores, os, python, versions}
    notes          {quality | latency | memory: why something is missing; data: how they were
                   read, and how many rows were skipped}; left out when empty
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tfcompress.tflite import ModelInfo


NOT_ASKED = "not asked for"
"""The note of what was left out because the caller wanted so."""


class Quality(Protocol):
    """What every kind of quality says: `RankingQuality`, `ClassificationQuality`."""

    @property
    def headline(self) -> tuple[str, float]:
        """Name and value of the number that tables show; more is better."""

    def conditions(self) -> str:
        """What the numbers stand for."""

    def reservations(self) -> str:
        """What makes them lower than they could be; empty where nothing does."""

    def to_json(self) -> dict[str, float | int | bool]:
        """The `quality` object."""


@dataclass(frozen=True)
class Latency:
    """Time of one invocation in microseconds.

    Attributes:
        p50: float. Median.
        p95: float. 95th percentile.
    """

    p50: float
    p95: float

    def to_json(self) -> dict[str, float]:
        """The keys `p50` and `p95`."""
        return {"p50": self.p50, "p95": self.p95}


@dataclass(frozen=True)
class Memory:
    """Memory in bytes, as growth over the same process before it loaded the model.

    Attributes:
        after_load: int or None. Anonymous and file-backed together, tensors allocated.
        peak_anonymous: int or None. Held by the process itself: weights that were copied or
            decoded, activations.
        peak_file: int or None. Pages of the mapped file; the system can drop and read them again.
    """

    after_load: int | None = None
    peak_anonymous: int | None = None
    peak_file: int | None = None

    @property
    def peak(self) -> int | None:
        """Both peaks together."""
        if self.peak_anonymous is None or self.peak_file is None:
            return None
        return self.peak_anonymous + self.peak_file

    def to_json(self) -> dict[str, int | None]:
        """The keys `after_load`, `peak_anonymous` and `peak_file`."""
        return {
            "after_load": self.after_load,
            "peak_anonymous": self.peak_anonymous,
            "peak_file": self.peak_file,
        }


@dataclass(frozen=True)
class Measurement:
    """One file, measured.

    Attributes:
        file: str. The file's name, with as many folders as tell the measured files apart.
        size: ModelInfo. Where its bytes are.
        environment: mapping. What it was measured on.
        quality: Quality or None.
        latency: mapping of batch size to Latency.
        memory: Memory.
        notes: mapping of "quality", "latency" or "memory" to why something is missing, and of
            "data" to how they were read and how many rows were skipped.
    """

    file: str
    size: ModelInfo
    environment: Mapping[str, Any]
    quality: Quality | None = None
    latency: Mapping[int, Latency] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    notes: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The object described at the top of this module."""
        result = {
            "file": self.file,
            **self.size.size_json(),
            "quality": self.quality.to_json() if self.quality else None,
            "latency_us": {str(batch): value.to_json() for batch, value in self.latency.items()},
            "memory_bytes": self.memory.to_json(),
            "environment": dict(self.environment),
        }
        return result | ({"notes": dict(self.notes)} if self.notes else {})
