"""Counts the items of an interaction file that is larger than the memory it may use.

    python benchmarks/counting.py                 # 2 GB, 5 million users, 300,000 items
    python benchmarks/counting.py --size 0.1      # a quick run

Makes a CSV file in a temporary folder, counts its items in a fresh process whose data segment is
limited (RLIMIT_DATA), and prints seconds and the peak of its resident memory (VmHWM, which a new
program starts from zero). With --format parquet or pairs the same interactions lie in another
format.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

GIGABYTE = 10**9
ROWS_AT_A_TIME = 1_000_000
FIRST_SECOND = 1_600_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--size", type=float, default=2.0, help="of the file, in GB")
    parser.add_argument("--limit", type=float, default=1.0, help="of the memory, in GB")
    parser.add_argument("--items", type=int, default=300_000)
    parser.add_argument("--users", type=int, default=5_000_000)
    parser.add_argument("--format", choices=("csv", "parquet", "pairs"), default="csv")
    parser.add_argument("--json", type=Path, help="write the result there as well")
    parser.add_argument("--count", type=Path, help=argparse.SUPPRESS)  # the fresh process
    options = parser.parse_args()
    if options.count:
        count(options.count, options.format, options.limit)
        return
    with tempfile.TemporaryDirectory(prefix="counting-") as folder:
        path = Path(folder) / f"interactions.{options.format}"
        rows = make(path, options)
        command = [sys.executable, __file__, "--count", str(path), "--format", options.format]
        command += ["--limit", str(options.limit)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        result = {"format": options.format, "file_bytes": path.stat().st_size} | json.loads(output)
    if result["rows"] != rows:
        raise SystemExit(f"counted {result['rows']} of {rows} rows")
    print(
        f"{result['file_bytes'] / GIGABYTE:.2f} GB of {options.format}, {rows:,} rows, "
        f"{result['items']:,} distinct items: {result['seconds']:.1f} s, peak memory "
        f"{result['peak_bytes'] / GIGABYTE:.2f} GB (limit {options.limit:g} GB)"
    )
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    if result["peak_bytes"] > options.limit * GIGABYTE:
        raise SystemExit("over the limit")


def make(path: Path, options: argparse.Namespace) -> int:
    """Writes Zipf-popular items of random users until the file is as large as asked for."""
    rng = np.random.default_rng(0)
    popularity = np.cumsum((np.arange(options.items) + 1.0) ** -1.0)
    names = rng.permutation(options.items)
    writer = None
    rows = 0
    with path.open("wb") as stream:
        while stream.tell() < options.size * GIGABYTE:
            draws = rng.random(ROWS_AT_A_TIME) * popularity[-1]
            items = names[np.searchsorted(popularity, draws)]
            users = rng.integers(0, options.users, ROWS_AT_A_TIME)
            columns = {
                "user_id": pc.binary_join_element_wise("u", pa.array(users).cast("string"), ""),
                "item_id": pc.binary_join_element_wise("item-", pa.array(items).cast("string"), ""),
            }
            if options.format != "pairs":
                columns["timestamp"] = pa.array(
                    FIRST_SECOND + (rows + np.arange(ROWS_AT_A_TIME)) // 50
                )
            table = pa.table(columns)
            if options.format == "parquet":
                writer = writer or pq.ParquetWriter(stream, table.schema)
                writer.write_table(table)
            else:
                layout = arrow_csv.WriteOptions(
                    include_header=rows == 0 and options.format == "csv",
                    delimiter="," if options.format == "csv" else " ",
                    quoting_style="none",
                )
                arrow_csv.write_csv(table, stream, layout)
            rows += ROWS_AT_A_TIME
        if writer:
            writer.close()
    return rows


def count(path: Path, format: str, limit: float) -> None:
    """Runs in a process of its own, and prints what it took as JSON."""
    from tfcompress.data import count_items
    from tfcompress.vocabulary import Vocabulary

    resource.setrlimit(resource.RLIMIT_DATA, (int(limit * GIGABYTE),) * 2)
    start = time.perf_counter()
    tokens, counts = count_items(path, format=format)
    vocabulary = Vocabulary.from_counts(tokens, counts)
    seconds = time.perf_counter() - start
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    result = {"rows": int(counts.sum()), "items": len(vocabulary.tokens)}
    print(json.dumps(result | {"seconds": seconds, "peak_bytes": peak}))


if __name__ == "__main__":
    main()
