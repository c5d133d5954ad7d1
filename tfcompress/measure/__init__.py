"""Size, quality, latency and memory of .tflite files, side by side."""

from tfcompress.measure.measurement import Latency, Measurement, Memory
from tfcompress.measure.side_by_side import measure

__all__ = ["Latency", "Measurement", "Memory", "measure"]
