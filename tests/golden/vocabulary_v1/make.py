"""Writes the golden vocabularies of format version 1. Run once, when the version was made."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from tfcompress.stored_vocabulary import store
from tfcompress.vocabulary import Vocabulary

HERE = Path(__file__).parent


def ranked(tokens):
    """The vocabulary in which `tokens` have the ids 2, 3, .."""
    kind = pa.int64() if tokens and isinstance(tokens[0], int) else pa.string()
    return Vocabulary(pa.array(tokens, kind), np.zeros(len(tokens), np.int64))


def by_count(tokens, generator):
    counts = generator.zipf(1.5, len(tokens))
    return Vocabulary.from_counts(tokens, counts).tokens.to_pylist()


def main():
    generator = np.random.default_rng(7)
    tokens = {
        "empty": [],
        "integers": by_count(np.unique(generator.integers(-5000, 9000, 900)), generator),
        "packages": by_count([f"org.app{k}.{'xyz'[k % 3]}" for k in range(300)], generator),
        "any_text": ["", "\0", "ü", "日本", "x" * 300, "x" * 299 + "y", " ", "\n", "🙂", "a", "ab"],
    }
    for name, listed in tokens.items():
        (HERE / f"{name}.tfcv").write_bytes(store(ranked(listed)))
    (HERE / "tokens.json").write_text(json.dumps(tokens) + "\n")


if __name__ == "__main__":
    main()
