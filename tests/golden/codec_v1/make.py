"""Writes the golden tables of format version 1. Run once, when the version was made."""

import json
from pathlib import Path

import numpy as np

from tests.codec.tables import MODES, fibonacci, gaussian, ranked, spread_rows
from tfcompress.codec import pack
from tfcompress.quantization import quantize

HERE = Path(__file__).parent


def main():
    floats = np.random.default_rng(1).normal(0, 0.1, (70, 6)).astype(np.float32)
    nibbles = np.random.default_rng(2).binomial(15, 0.5, (40, 5)).astype(np.uint8)
    nibbles[:, -1] &= 15
    tables = {mode: (gaussian(67, 9), mode, {}) for mode in MODES}
    tables["long_words"] = (fibonacci(12, 15), "indexed", {})
    tables["wide_index"] = (spread_rows(66, 270), "context", {})
    tables["rate_ranked"] = (ranked(150, 20, step=0.1), "rate", {})
    tables["rate_signs"] = (np.maximum(ranked(90, 12, step=0.05), -1), "rate", {})
    tables["rate_uint8"] = (ranked(70, 5).view(np.uint8) ^ np.uint8(128), "rate", {})
    tables["rate_int4"] = (nibbles & 0x11, "rate", {"dtype": "int4", "columns": 9})
    tables["uint8"] = (gaussian(20, 7).view(np.uint8) ^ np.uint8(128), "predictive", {})
    tables["int4"] = (nibbles, "predictive", {"dtype": "int4", "columns": 9})
    tables["float32"] = (floats, "context", {})
    tables["float16"] = (floats.astype(np.float16), "indexed", {})
    tables["scales"] = (quantize(floats, 5), "context", {"note": b"five bits"})
    expected = {}
    for name, (table, mode, options) in tables.items():
        packed = pack(table, mode, **options)
        (HERE / f"{name}.tfct").write_bytes(packed.to_bytes())
        expected[name] = {
            "mode": packed.mode,
            "dtype": packed.dtype,
            "note": packed.note.decode(),
            "scales": packed.scales.reshape(-1).tolist(),
            "rows": packed.unpack().tobytes().hex(),
        }
    (HERE / "tables.json").write_text(json.dumps(expected, indent=0) + "\n")


if __name__ == "__main__":
    main()
