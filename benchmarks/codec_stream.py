"""Packs a table on disk that is far larger than the memory allowed, and says what it took.

    python benchmarks/codec_stream.py [GIGABYTES] [COLUMNS] [MODE] [FOLDER]

The table is int8, rows of different loudness. Memory is the peak of what the process holds of its
own (anonymous pages, sampled) and of all it has mapped (ru_maxrss), above an empty process with
the package loaded.
"""

import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from tfcompress.codec import pack


def write_table(path: Path, size: int, columns: int) -> None:
    """Writes rows of normal values, a few thousand different ones over and over, louder or not."""
    generator = np.random.default_rng(0)
    base = generator.normal(size=(4096, columns)).astype(np.float32)
    with path.open("wb") as file:
        for _ in range(-(-size // (4096 * columns))):
            loud = np.exp(generator.normal(1.5, 0.6, (4096, 1))).astype(np.float32)
            rows = base[generator.permutation(4096)] * loud
            file.write(np.clip(np.rint(rows), -127, 127).astype(np.int8).tobytes())


def anonymous_bytes() -> int:
    """Anonymous memory of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return 1024 * int(line.split()[1])
    return 0


def main(gigabytes: float = 4, columns: int = 64, mode: str = "indexed", folder: str = "") -> None:
    """Writes, packs, reports."""
    with tempfile.TemporaryDirectory(dir=folder or None) as name:
        path = Path(name) / "table.bin"
        write_table(path, int(gigabytes * 2**30), columns)
        table = np.memmap(path, np.int8, "r").reshape(-1, columns)
        before = anonymous_bytes(), 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak, running = [before[0]], [True]

        def watch() -> None:
            while running[0]:
                peak[0] = max(peak[0], anonymous_bytes())
                time.sleep(0.05)

        watcher = threading.Thread(target=watch)
        watcher.start()
        start, shares = time.perf_counter(), []
        packed = pack(table, mode, progress=lambda done, total: shares.append(done / total))
        seconds = time.perf_counter() - start
        running[0] = False
        watcher.join()
        mapped = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        rows = np.random.default_rng(1).integers(0, len(table), 1000)
        exact = np.array_equal(packed.rows(rows), table[rows])
        print(
            f"{table.nbytes / 2**30:.2f} GiB, {len(table)} x {columns}, {packed.mode}: "
            f"saved {packed.saved:.2%}, {seconds:.0f} s, {len(shares)} calls of progress, "
            f"anonymous +{(peak[0] - before[0]) / 2**20:.0f} MiB, "
            f"all +{(mapped - before[1]) / 2**20:.0f} MiB, rows exact: {exact}"
        )


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(*map(float, arguments[:1]), *map(int, arguments[1:2]), *arguments[2:])
