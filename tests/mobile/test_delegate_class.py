"""The Kotlin class of the delegate, compiled against what the runtime declares."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PACKED_LOOKUP = Path(__file__).parents[2] / "mobile" / "packed_lookup"
# Of TensorFlow Lite's and LiteRT's Java API, the same in all versions.
DELEGATE = """
package org.tensorflow.lite;

public interface Delegate extends java.io.Closeable {
  long getNativeHandle();

  @Override
  default void close() {}
}
"""


def test_it_is_a_delegate_for_the_compiler(tmp_path: Path):
    if shutil.which("kotlinc") is None:
        pytest.skip("kotlinc is not installed")
    declared = tmp_path / "org" / "tensorflow" / "lite" / "Delegate.java"
    declared.parent.mkdir(parents=True)
    declared.write_text(DELEGATE)
    source = PACKED_LOOKUP / "PackedLookupDelegate.kt"
    subprocess.run(["kotlinc", source, declared, "-d", tmp_path / "classes"], check=True)
    assert (tmp_path / "classes" / "tfcompress" / "PackedLookupDelegate.class").is_file()


def test_every_native_function_is_in_the_library():
    declared = re.findall(
        r"external fun (\w+)", (PACKED_LOOKUP / "PackedLookupDelegate.kt").read_text()
    )
    written = re.findall(
        r"Java_tfcompress_PackedLookupDelegate_(\w+)\(",
        (PACKED_LOOKUP / "packed_lookup_jni.c").read_text(),
    )
    assert sorted(declared) == sorted(written)
    assert len(declared) == 3
