"""Bytes of a vocabulary (token -> id and back) stored in several ways, on real ones.

    python benchmarks/vocabulary.py [--shared ../shared] [--words vocab.txt] [--json FILE]

One line per way, a column per vocabulary:

| way | |
| --- | --- |
| lines, deflated | tokens in the order of ids, zlib 9; to look one up all is read into a map |
| sorted, offsets and ids | the sorted tokens (integers: 8 bytes each), 4 bytes of offset, 4 of id |
| front coded, packed ids | blocks of 16 (integers: gaps as varints), ids in ceil(log2 n) bits |
| stored, packed ids | the blocks of the stored vocabulary, ids in ceil(log2 n) bits |
| stored | what `convert --vocabulary` writes |
| hashed, 16 / 24 bits | sorted hashes of log2 n + 16 (24) bits, gaps Golomb coded, packed ids |

Hashed, a token that is not in the vocabulary gets some other token's id in one of 2^16 (2^24)
cases, and no id gives its token back. All the others are exact.
"""

import argparse
import hashlib
import json
import math
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfcompress.stored_vocabulary import StoredVocabulary, store
from tfcompress.stored_vocabulary.bits import exp_golomb
from tfcompress.stored_vocabulary.blocks import IntegerBlocks, TextBlocks, shared_bytes
from tfcompress.stored_vocabulary.order import ascending_runs
from tfcompress.vocabulary import Vocabulary

LOOKUPS = 2000


def vocabularies(shared: Path, words: Path | None) -> dict[str, Vocabulary]:
    from tfcompress.data import load

    data = shared / "data"
    made = {
        "games items": load(data / "amazon_games_seq").vocabulary,
        "ml1m items": load(data / "ml1m_seq").vocabulary,
        "gowalla places": load(data / "gowalla").vocabulary,
        "ml100k titles": titles(data / "ml100k"),
        "criteo values": criteo(data / "ctr_smoke" / "criteo"),
    }
    if words is not None:
        tokens = words.read_text().splitlines()
        made["MiniLM words"] = Vocabulary.from_counts(tokens, range(len(tokens), 0, -1))
    return made


def titles(folder: Path) -> Vocabulary:
    items = (folder / "ml-100k.item").read_text(encoding="latin-1").splitlines()
    name = {line.split("\t")[0]: line.split("\t")[1] for line in items[1:]}
    rows = (folder / "ml-100k.inter").read_text().splitlines()
    counts = Counter(name[row.split("\t")[1]] for row in rows[1:])
    return Vocabulary.from_counts(list(counts), list(counts.values()))


def criteo(folder: Path) -> Vocabulary:
    counts: Counter[str] = Counter()
    for path in sorted(folder.iterdir()):
        for line in path.read_text().splitlines():
            counts.update(value for value in line.split("\t")[14:] if value)
    return Vocabulary.from_counts(list(counts), list(counts.values()))


def packed_ids(count: int) -> int:
    return -(-count * max(count - 1, 1).bit_length() // 8)


def texts(tokens: list) -> list[bytes]:
    return [str(token).encode() for token in tokens]


def deflated(tokens: list) -> int:
    return len(zlib.compress(b"\n".join(texts(tokens)), 9))


def sorted_with_ids(tokens: list) -> int:
    if isinstance(tokens[0], int):
        return 12 * len(tokens)
    return sum(map(len, texts(tokens))) + 8 * len(tokens)


def varint(value: int) -> int:
    return max(1, -(-value.bit_length() // 7))


def front_coded(tokens: list, block: int = 16) -> int:
    """A length of one byte before each text, another for what it shares; offsets packed."""
    if isinstance(tokens[0], int):
        ordered = sorted(tokens)
        sizes = [
            8 if k % block == 0 else varint(ordered[k] - ordered[k - 1])
            for k in range(len(ordered))
        ]
    else:
        ordered = sorted(texts(tokens))
        shared = [
            shared_bytes(ordered[k - 1], ordered[k]) if k % block else 0
            for k in range(len(ordered))
        ]
        sizes = [
            len(t) - s + 1 + (k % block > 0)
            for k, (t, s) in enumerate(zip(ordered, shared, strict=True))
        ]
    offsets = -(-len(tokens) // block) * sum(sizes).bit_length() / 8
    return math.ceil(sum(sizes) + offsets) + packed_ids(len(tokens))


def stored_packed(tokens: list) -> int:
    if isinstance(tokens[0], int):
        section = IntegerBlocks.write(sorted(tokens), 128)
    else:
        section = TextBlocks.write(sorted(texts(tokens)), 32)
    return 16 + len(section) + packed_ids(len(tokens))


def stored(vocabulary: Vocabulary) -> int:
    return len(store(vocabulary))


def hashed(tokens: list, bits: int) -> int:
    """Sorted hashes, one block offset and head per 32, the gaps in the best Golomb code."""
    width = math.ceil(math.log2(len(tokens))) + bits
    hashes = sorted(
        int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> (64 - width)
        for text in texts(tokens)
    )
    gaps = np.diff(hashes).tolist()
    order = bits - 1
    total = sum(len(exp_golomb(gap, order)) for k, gap in enumerate(gaps) if (k + 1) % 32)
    heads = -(-len(tokens) // 32) * (width + total.bit_length())
    return -(-(total + heads) // 8) + packed_ids(len(tokens))


WAYS: dict[str, Callable[[Vocabulary, list], int]] = {
    "lines, deflated": lambda _, tokens: deflated(tokens),
    "sorted, offsets and ids": lambda _, tokens: sorted_with_ids(tokens),
    "front coded, packed ids": lambda _, tokens: front_coded(tokens),
    "stored, packed ids": lambda _, tokens: stored_packed(tokens),
    "stored": lambda vocabulary, _: stored(vocabulary),
    "hashed, 16 bits": lambda _, tokens: hashed(tokens, 16),
    "hashed, 24 bits": lambda _, tokens: hashed(tokens, 24),
}


def lookup_us(vocabulary: Vocabulary) -> tuple[float, float]:
    """Microseconds of one `id_of` and one `token_of`, in Python."""
    reader = StoredVocabulary(store(vocabulary))
    ids = np.random.default_rng(0).integers(2, reader.size, LOOKUPS).tolist()
    started = time.perf_counter()
    tokens = reader.decode(ids)
    between = time.perf_counter()
    assert reader.encode(tokens) == ids
    ended = time.perf_counter()
    return 1e6 * (ended - between) / LOOKUPS, 1e6 * (between - started) / LOOKUPS


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--words", type=Path, help="A word list, one per line, the first id first.")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = {}
    for name, vocabulary in vocabularies(arguments.shared, arguments.words).items():
        tokens = vocabulary.tokens.to_pylist()
        ids = np.argsort(np.array(tokens, object), kind="stable")
        to_id, to_token = lookup_us(vocabulary)
        results[name] = {
            "tokens": len(tokens),
            "runs": len(ascending_runs(ids)) - 1,
            **{way: measure(vocabulary, tokens) for way, measure in WAYS.items()},
            "id_of us": round(to_id, 1),
            "token_of us": round(to_token, 1),
        }
    print("| bytes | " + " | ".join(results) + " |")
    print("| --- |" + " ---: |" * len(results))
    for row in next(iter(results.values())):
        print(f"| {row} | " + " | ".join(f"{column[row]:,}" for column in results.values()) + " |")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
