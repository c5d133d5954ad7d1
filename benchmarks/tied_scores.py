"""Times a tied ranker whose table is packed, beside the same with the integers not packed.

    python benchmarks/tied_scores.py RUN [--step 1.65]

RUN is what `tfcompress train --embedding full --tie` made. Its table becomes a `TransformedTable`;
one file reads the integers by builtin operators, one has them packed in mode `rate` for the
delegate, which takes scores by `tfcompress.scores`: with integers kept from the first call on, and
with nothing kept. Files take turns; a call is one `invoke` of the whole model, on one thread, of
histories with 8 items. Memory is what a process has more (anonymous, resident) once it has opened
the file and called it.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

BATCHES = (1, 32)
ROUNDS = 25
ITEMS_READ = 8


def files(run: Path, step: float) -> tuple[dict[str, bytes], float]:
    """The files by name, and how many times smaller than float32 the packed table is."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tfcompress import tflite
    from tfcompress.models.sequence_ranker import ITEMS
    from tfcompress.rate_distortion import transform_code
    from tfcompress.training import Run

    model = Run(run).model()
    table = np.asarray(model.get_layer(ITEMS).embeddings)
    counts = Run(run).vocabulary().id_counts
    coded = transform_code(table, step=step, row_step_exponent=0.375, weights=counts)
    plain = tflite.convert(model, transformed={f"{ITEMS}/embeddings": coded})
    packed = tflite.pack(plain, codec="rate", target="delegate")
    return {"int8": plain, "packed": packed}, table.nbytes / coded.pack().nbytes


def opened(path: Path, batch: int, kept_bytes: int | None) -> Any:
    """An interpreter that is ready to be called."""
    from tfcompress.tflite import open_model

    interpreter = open_model(path, kept_bytes=kept_bytes)
    given = interpreter.get_input_details()[0]
    length = int(given["shape"][1])
    interpreter.resize_tensor_input(given["index"], [batch, length])
    interpreter.allocate_tensors()
    ids = np.random.default_rng(0).integers(2, 2000, (batch, length)).astype(np.int32)
    ids[:, : max(0, length - ITEMS_READ)] = 0
    interpreter.set_tensor(given["index"], ids)
    return interpreter


def anonymous_bytes() -> int:
    """Resident memory of this process that no file is behind."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def memory(path: Path, batch: int, kept_bytes: int | None) -> int:
    """What opening and calling a file takes, in a process of its own."""
    opened(path, 1, 0).invoke()  # what the runtime itself takes, once
    before = anonymous_bytes()
    interpreter = opened(path, batch, kept_bytes)
    interpreter.invoke()
    return anonymous_bytes() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--step", type=float, default=1.65)
    given = parser.parse_args()
    made, times_smaller = files(given.run, given.step)
    print(f"packed table: {times_smaller:.1f}x smaller than float32\n")
    with tempfile.TemporaryDirectory() as folder:
        cases: dict[tuple[str, int], tuple[Path, int, int | None]] = {}
        for name, content in made.items():
            path = Path(folder) / f"{name}.tflite"
            path.write_bytes(content)
            cases |= {(name, batch): (path, batch, None) for batch in BATCHES}
        cases |= {("packed, kept_bytes=0", batch): (path, batch, 0) for batch in BATCHES}
        interpreters = {case: opened(*how) for case, how in cases.items()}
        samples: dict[tuple[str, int], list[float]] = {case: [] for case in cases}
        for _ in range(ROUNDS):
            for case, interpreter in interpreters.items():
                start = time.perf_counter()
                interpreter.invoke()
                samples[case].append(1000 * (time.perf_counter() - start))
        print("| file | batch | ms a call, least | median | memory, MB |")
        print("| --- | --- | --- | --- | --- |")
        for (name, batch), how in cases.items():
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                held = pool.apply(memory, how) / 1e6
            own = samples[name, batch]
            print(f"| {name} | {batch} | {min(own):.2f} | {np.median(own):.2f} | {held:.1f} |")


if __name__ == "__main__":
    main()
