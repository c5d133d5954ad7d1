"""What people choose from by name, in the library, the commands and the sweeps alike."""

from typing import Literal

TableDtype = Literal["float32", "float16", "int8", "int4"]
DenseDtype = Literal["float32", "int8", "int4"]
GranularityName = Literal["per-row", "per-table"]
"""`quantization.Granularity` as commands and sweeps spell it."""
PackCodec = Literal["auto", "fixed", "indexed", "context", "rate", "predictive", "raw"]
"""The modes of the row codec (`codec.layout.Mode`), and the smallest of them."""
Codec = Literal["none", PackCodec]
Target = Literal["builtin", "delegate"]
Decoder = Literal["few-ids", "many-ids"]
DecoderChoice = Literal["auto", Decoder]
Model = Literal["sequence-ranker", "text-classifier"]
Loss = Literal["auto", "full", "sampled"]
BadRows = Literal["error", "skip"]
