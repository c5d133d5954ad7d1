"""FORMAT.md's examples, and vocabularies stored by earlier versions, byte for byte."""

import json
import re
from pathlib import Path

import pytest

from tests.golden.vocabulary_v1.make import ranked
from tfcompress import stored_vocabulary
from tfcompress.stored_vocabulary import StoredVocabulary, store

FORMAT = (Path(stored_vocabulary.__file__).parent / "FORMAT.md").read_text()
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
EXAMPLES = {
    "strings": ["tea", "coffee", "cocoa", "cup", "teapot", "tee"],
    "integers": [7, -2, 9, 12, 3_000_000_000],
}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_examples_are_what_store_writes(kind):
    block = re.search(rf"```hex {kind}\n(.*?)```", FORMAT, re.DOTALL)[1]
    lines = [re.match(r"(?:[0-9a-f]{2} )+", f"{line} ") for line in block.splitlines()]
    written = bytes.fromhex("".join(line[0] for line in lines))
    assert store(ranked(EXAMPLES[kind])) == written
    assert StoredVocabulary(written).tokens() == EXAMPLES[kind]
    assert ", ".join(str(token) for token in EXAMPLES[kind]) in FORMAT


def test_header_table_is_the_header():
    rows = re.findall(r"^\| (\d+) \| (\d+) \|", FORMAT, re.MULTILINE)
    ends = [int(offset) + int(size) for offset, size in rows]
    assert [int(offset) for offset, _ in rows[1:]] == ends[:-1]
    assert ends[-1] == 16


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("vocabulary_v*/*.tfcv")), ids=lambda p: p.stem)
def test_golden_vocabularies_still_open(path):
    tokens = json.loads((path.parent / "tokens.json").read_text())[path.stem]
    found = StoredVocabulary(path.read_bytes())
    assert found.tokens() == tokens
    assert found.encode(tokens) == list(range(2, len(tokens) + 2))
    assert found.decode(range(2, found.size)) == tokens


def test_there_are_golden_vocabularies():
    assert len(list(GOLDEN.glob("vocabulary_v1/*.tfcv"))) == 4
