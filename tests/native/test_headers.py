"""The decoder header stands alone: strict C99 and C++, no allocation, clean under sanitizers."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tfcompress.native import INCLUDE_DIR

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "codec_v1"
COMPILER = shutil.which("cc")
STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wshadow", "-Wundef", f"-I{INCLUDE_DIR}"]

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler here")

PROGRAM = """
#include "tfc_decode.h"
int decode(const uint8_t *d, size_t n, void *w, size_t m, const int64_t *i, uint8_t *o, void *s);
int decode(const uint8_t *d, size_t n, void *w, size_t m, const int64_t *i, uint8_t *o, void *s) {
  tfc_table table;
  if (m < tfc_workspace_bytes(d, n) || tfc_open(&table, d, n, w, m) != TFC_OK) return 1;
  return tfc_verify(&table) != TFC_OK || tfc_rows(&table, i, 1, o, s, NULL) != TFC_OK;
}
"""


def compiled(tmp_path, suffix, *flags):
    source = tmp_path / f"decode.{suffix}"
    source.write_text(PROGRAM)
    result = tmp_path / "decode.o"
    subprocess.run([COMPILER, "-c", *flags, *STRICT, str(source), "-o", str(result)], check=True)
    return result


@pytest.mark.parametrize(
    ("suffix", "flags"),
    [
        ("c", ["-std=c99", "-O2"]),
        ("c", ["-std=c99", "-O3", "-m32"]),
        ("c", ["-std=c11", "-Os", "-funsigned-char"]),
        ("cpp", ["-x", "c++", "-std=c++17", "-O2"]),
        ("c", ["-std=c99", "-O2", "-mno-sse2", "-mno-sse", "-mgeneral-regs-only"]),
    ],
    ids=["c99", "32 bits", "unsigned char", "c++", "no vectors"],
)
def test_compiles_without_a_warning(tmp_path, suffix, flags):
    probe = tmp_path / "probe.c"
    probe.write_text("#include <string.h>\nint zero;\n")
    target = [flag for flag in flags if flag.startswith("-m")]
    if subprocess.run(
        [COMPILER, "-c", *target, str(probe), "-o", "/dev/null"], check=False, capture_output=True
    ).returncode:
        pytest.skip(f"the compiler cannot build for {' '.join(target)}")
    compiled(tmp_path, suffix, *flags)


def test_calls_nothing_but_memory_functions(tmp_path):
    if shutil.which("nm") is None:
        pytest.skip("no nm here")
    listing = subprocess.run(
        ["nm", "-u", str(compiled(tmp_path, "c", "-std=c99", "-O2"))],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    called = {line.split()[-1].lstrip("_") for line in listing.splitlines()}
    assert called <= {
        "memcpy",
        "memset",
        "memcmp",
        "memmove",
        "stack_chk_fail",
        "GLOBAL_OFFSET_TABLE_",
    }


def test_mutants_under_sanitizers(tmp_path):
    program = tmp_path / "codec_fuzz"
    build = [COMPILER, "-std=c99", "-O1", "-g", "-fsanitize=address,undefined"]
    build += ["-fno-sanitize-recover=all", f"-I{INCLUDE_DIR}", str(BENCHMARKS / "codec_fuzz.c")]
    if subprocess.run([*build, "-o", str(program)], check=False, capture_output=True).returncode:
        pytest.skip("the compiler has no sanitizers")
    tables = [str(path) for path in sorted(GOLDEN.glob("*.tfct"))]
    result = subprocess.run(
        [str(program), "3", "5", *tables], check=False, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert "0 reports" in result.stdout
