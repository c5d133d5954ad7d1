"""What people choose from by name, in the library, the commands and the sweeps alike."""

from typing import Literal

TableDtype = Literal["float32", "float16", "int8", "int4"]
DenseDtype = Literal["float32", "int8", "int4"]
GranularityName = Literal["per-row", "per-table"]
"""`quantization.Granularity` as commands and sweeps spell it."""
Mode = Literal["raw", "fixed", "indexed", "context", "predictive", "rate"]
"""Of the row codec; files name one by its place here."""
PackCodec = Literal["auto", Mode]
"""A mode, or the smallest of them."""
Codec = Literal["none", PackCodec]
Target = Literal["builtin", "delegate"]
Decoder = Literal["few-ids", "many-ids"]
DecoderChoice = Literal["auto", Decoder]
Model = Literal["sequence-ranker", "text-classifier"]
Loss = Literal["auto", "full", "sampled"]
BadRows = Literal["error", "skip"]
