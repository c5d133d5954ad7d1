"""Full table, hashing and MEmCom on real interactions: train, convert to int8 tables, measure.

    python benchmarks/real_data.py ../shared/data --out runs/real [--only amazon_games_seq]

Everything goes through the command line, as a user would do it; finished runs are kept, so that an
interrupted benchmark goes on where it was. Training needs the JAX extra (minutes, not hours, on two
cores). Prints one Markdown table per data set.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

EMBEDDINGS = {
    "full": ["--embedding", "full"],
    "hash": ["--embedding", "hash", "--ratio", "16"],
    "memcom": ["--embedding", "memcom", "--ratio", "16"],
}
# Chosen on the validation split of the full table; the same for every embedding.
SETTINGS = {
    "amazon_games_seq": ["--patience", "2"],
    "ml1m_seq": [
        *("--patience", "2", "--epochs", "7", "--history-length", "30"),
        *("--batch-size", "2048", "--learning-rate", "0.004", "--num-negatives", "512"),
    ],
}


def tfcompress(*words: object) -> None:
    command = [Path(sys.executable).with_name("tfcompress"), *words]
    subprocess.run(
        [str(word) for word in command], check=True, env={**os.environ, "COLUMNS": "120"}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds amazon_games_seq and ml1m_seq")
    parser.add_argument("--out", type=Path, default=Path("runs/real"))
    parser.add_argument("--only", choices=SETTINGS, action="append")
    arguments = parser.parse_args()
    for name in arguments.only or SETTINGS:
        data, out = arguments.folder / name, arguments.out / name
        files = [out / "full-float32.tflite"]
        for embedding, options in EMBEDDINGS.items():
            run = out / embedding
            if not (run / "metrics.json").exists():
                words = ["--out", run, *options, *SETTINGS[name], "--backend", "jax", "--resume"]
                tfcompress("train", data, *words)
            files.append(out / f"{embedding}-int8.tflite")
            tfcompress("convert", run, "--out", files[-1], "--table-dtype", "int8", "--overwrite")
        tfcompress("convert", out / "full", "--out", files[0], "--overwrite")
        markdown = out / "measured.md"
        tfcompress("measure", *files, "--data", data, "--markdown", markdown)
        print(f"\n{name}\n\n{markdown.read_text()}")


if __name__ == "__main__":
    main()
