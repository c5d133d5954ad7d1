"""The C parts of docs/android.md and docs/ios.md compile, as an app would compile them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tfcompress.native import INCLUDE_DIR

ROOT = Path(__file__).resolve().parents[2]
MOBILE = ROOT / "mobile" / "packed_lookup"
COMPILERS = [name for name in ("aarch64-linux-gnu-gcc", "cc") if shutil.which(name)]
CMAKE = shutil.which("cmake")

# What packed_lookup_jni.c takes from a JDK's or an NDK's <jni.h>.
JNI = """
#include <stdint.h>
typedef const void *JNIEnv;
typedef void *jobject;
typedef int64_t jlong;
#define JNIEXPORT __attribute__((visibility("default")))
#define JNICALL
"""

pytestmark = pytest.mark.skipif(not COMPILERS, reason="no C compiler here")


@pytest.fixture
def jni(tmp_path):
    folder = tmp_path / "jni"
    folder.mkdir()
    (folder / "jni.h").write_text(JNI)
    return folder


@pytest.mark.skipif(CMAKE is None, reason="no cmake here")
def test_android_library_builds(tmp_path, jni):
    build = tmp_path / "build"
    flags = f"-I{jni} -Werror"
    configure = [CMAKE, "-S", str(MOBILE), "-B", str(build), f"-DCMAKE_C_FLAGS={flags}"]
    configure += [f"-DCMAKE_C_COMPILER={COMPILERS[0]}", "-DCMAKE_C_COMPILER_WORKS=1"]
    for command in (configure, [CMAKE, "--build", str(build)]):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    library = (build / "libtfcompress_delegate.so").read_bytes()
    kotlin = (MOBILE / "PackedLookupDelegate.kt").read_text()
    package = re.search(r"^package (\w+)$", kotlin, re.M)[1]
    for name in re.findall(r"external fun (\w+)", kotlin):
        assert f"Java_{package}_PackedLookupDelegate_{name}\0".encode() in library


@pytest.mark.parametrize("page", ["android.md", "ios.md"])
def test_c_of_the_pages_compiles(tmp_path, page):
    blocks = re.findall(r"```c\n(.*?)```", (ROOT / "docs" / page).read_text(), re.S)
    assert blocks
    for block in blocks:
        source = tmp_path / "block.c"
        source.write_text(block + "\ntypedef int not_empty;\n")
        command = ["-c", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
        command += [f"-I{INCLUDE_DIR / 'delegate'}", f"-I{MOBILE}"]
        command += [str(source), "-o", str(tmp_path / "block.o")]
        subprocess.run([COMPILERS[0], *command], check=True)
