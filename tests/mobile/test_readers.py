"""The readers for phones, where their compilers are installed; they skip visibly elsewhere."""

import io
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.golden.vocabulary_v1.make import ranked
from tfcompress.stored_vocabulary import StoredVocabulary, store

HERE = Path(__file__).parent
MOBILE = HERE.parents[1] / "mobile"
WORDS = [
    "tea",
    "teapot",
    "ümlaut",
    "日本",
    "7",
    "?",
    "x" * 300,
    *(f"app{k * k}" for k in range(900)),
]
INTEGERS = [-(2**63), 2**63 - 1, *np.random.default_rng(0).permutation(5000).tolist()]


def kotlin(folder):
    if shutil.which("kotlinc") is None:
        pytest.skip("kotlinc is not installed")
    jar = folder / "reader.jar"
    sources = [MOBILE / "StoredVocabulary.kt", HERE / "Main.kt"]
    subprocess.run(["kotlinc", *sources, "-include-runtime", "-d", jar], check=True)
    return ["java", "-jar", jar]


def swift(folder):
    if shutil.which("swiftc") is None:
        pytest.skip("swiftc is not installed")
    program = folder / "reader"
    sources = [MOBILE / "StoredVocabulary.swift", HERE / "main.swift"]
    subprocess.run(["swiftc", "-O", *sources, "-o", program], check=True)
    return [program]


@pytest.fixture(scope="module", params=[kotlin, swift], ids=["kotlin", "swift"])
def reader(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp("reader"))


def model(content):
    """A vocabulary behind something that is no archive."""
    stream = io.BytesIO(b"TFL3" * 100)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("labels.txt", "one\ntwo\n")
        archive.writestr("vocabulary.tfcv", content)
    return stream.getvalue()


def answers(reader, folder, content, asked=()):
    (folder / "model.tflite").write_bytes(content)
    (folder / "tokens.txt").write_text("".join(f"{token}\n" for token in asked))
    command = [*reader, folder / "model.tflite", folder / "tokens.txt"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("tokens", [WORDS, INTEGERS, [], ["lone"]], ids=len)
def test_it_answers_as_the_reader_in_python(reader, tmp_path, tokens):
    content = store(ranked(tokens))
    python = StoredVocabulary(content)
    asked = [*tokens, "absent", "07", "-0", "+7", "8", "app12", "zzz", "\u0667", 2**63, "app0 "]
    expected = [str(id_) for id_ in python.encode(asked)]
    listed = ["-" if token is None else str(token) for token in python.decode(range(python.size))]
    assert answers(reader, tmp_path, model(content), asked) == expected + listed


def test_damaged_files_are_named_and_never_crash_it(reader, tmp_path):
    content = model(store(ranked(WORDS[:40])))
    for at in range(400, len(content), 97):
        damaged = content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :]
        said = answers(reader, tmp_path, damaged)
        assert "vocabulary" in said[0] or "archive" in said[0] or said[:2] == ["-", "-"]
    for cut in (0, 10, 500):
        (said,) = answers(reader, tmp_path, content[:cut])
        assert "vocabulary" in said
