"""Fuzzes the C core of the row codec under address and undefined-behaviour sanitizers.

    python benchmarks/codec_fuzz.py [SECONDS] [SEED]

Packs tables of every mode and dtype as seeds and builds codec_fuzz.c: with clang as a target of
libFuzzer, which looks for inputs that reach new code, otherwise with gcc as a program that mutates
at random. Ends with the sanitizer's report if there is one.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tfcompress.codec import pack
from tfcompress.native import INCLUDE_DIR

FLAGS = ["-std=c99", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def seeds(folder: Path) -> list[Path]:
    """Packed tables of every mode and dtype, small enough for many runs a second."""
    generator = np.random.default_rng(0)
    loud = np.exp(generator.normal(0, 1, (150, 1)))
    table = np.clip(np.rint(4 * loud * generator.normal(size=(150, 21))), -127, 127).astype(np.int8)
    table[:, 1:] += table[:, :-1] // 2
    counts = [1, 1]
    while len(counts) < 16:
        counts.append(counts[-1] + counts[-2])
    skewed = generator.permutation(np.repeat(np.arange(16), counts)).astype(np.int8)
    floats = (loud * generator.normal(size=(150, 10))).astype(np.float32)
    packed = {
        mode: pack(table, mode)
        for mode in ("raw", "fixed", "indexed", "context", "predictive", "rate")
    }
    packed["skewed"] = pack(skewed[:2568].reshape(-1, 24), "indexed")
    quiet = np.rint(table[:, :12] / (1 + np.arange(150)[:, None])).astype(np.int8)
    packed["rate_bands"] = pack(quiet, "rate")
    packed["rate_signs"] = pack(np.maximum(table, -1), "rate")
    packed["rate_empty_blocks"] = pack(np.zeros((300, 40), np.int8), "rate")
    packed["rate_no_rows"] = pack(table[:0], "rate")
    packed["one_symbol"] = pack(np.full((70, 5), 3, np.int8), "indexed")
    packed["no_rows"] = pack(table[:0], "predictive")
    packed["wide"] = pack(generator.integers(-9, 9, (12, 300)).astype(np.int8), "predictive")
    packed["float32"] = pack(floats, "context")
    packed["float16"] = pack(floats.astype(np.float16), "indexed")
    nibbles = generator.integers(0, 256, (70, 8)).astype(np.uint8)
    packed["int4"] = pack(nibbles, "predictive", dtype="int4")
    packed["rate_int4"] = pack(nibbles & 0x11, "rate", dtype="int4")
    paths = []
    for name, one in packed.items():
        paths.append(folder / f"{name}.tfct")
        paths[-1].write_bytes(one.to_bytes())
    return paths


def main(seconds: float = 600, seed: int = 1) -> int:
    """Builds and runs the fuzzer; returns its exit status."""
    source = Path(__file__).with_suffix(".c")
    clang = next(filter(None, map(shutil.which, ("clang", "clang-14", "clang-16"))), None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = folder / "codec_fuzz"
        corpus = folder / "corpus"
        corpus.mkdir()
        tables = [str(path) for path in seeds(corpus)]
        if clang:
            build = [clang, *FLAGS, "-fsanitize=fuzzer", "-DTFC_LIBFUZZER"]
            command = [f"-max_total_time={seconds:.0f}", f"-seed={seed}", "-max_len=8192"]
            command += ["-print_final_stats=1", "-verbosity=0", f"-artifact_prefix={Path.cwd()}/"]
            command += [str(corpus)]
        else:
            build = ["cc", *FLAGS]
            command = [str(seconds), str(seed), *tables]
        build += [f"-I{INCLUDE_DIR}", str(source), "-o", str(program)]
        subprocess.run(build, check=True)
        print(" ".join([build[0], *FLAGS]), flush=True)
        return subprocess.run([str(program), *command], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:2]), *map(int, sys.argv[2:3])))
