"""The delegate without a runtime: on a fake one, under sanitizers, and on another processor."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tfcompress.native import INCLUDE_DIR

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "codec_v1"
DELEGATE = INCLUDE_DIR / "delegate" / "delegate.c"
DRIVER = [
    str(Path(__file__).parent / "delegate_driver" / "driver.c"),
    str(DELEGATE),
    f"-I{INCLUDE_DIR}",
    f"-I{ROOT / 'benchmarks'}",
]
STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wshadow", "-Wundef"]
SANITIZED = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
COMPILER = shutil.which("cc")
ARM_COMPILER = shutil.which("aarch64-linux-gnu-gcc")
ARM_MACHINE = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Every golden table, each followed by a file of its rows."""
    folder = tmp_path_factory.mktemp("rows")
    arguments = []
    for name, table in json.loads((GOLDEN / "tables.json").read_text()).items():
        rows = folder / f"{name}.rows"
        rows.write_bytes(bytes.fromhex(table["rows"]))
        arguments += [str(GOLDEN / f"{name}.tfct"), str(rows)]
    return arguments


def run(command, mutants, tables):
    result = subprocess.run(
        [*command, str(mutants), "1", *tables], check=False, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert f"{len(tables) // 2} tables" in result.stdout
    assert "0 reports" in result.stdout


@pytest.mark.skipif(COMPILER is None, reason="no C compiler here")
def test_goldens_and_mutants_under_sanitizers(tmp_path, tables):
    program = tmp_path / "driver"
    build = [COMPILER, "-std=c99", *STRICT, *SANITIZED, *DRIVER, "-o", str(program)]
    done = subprocess.run(build, check=False, capture_output=True, text=True)
    if "sanitize" in done.stderr or "asan" in done.stderr:
        pytest.skip("the compiler has no sanitizers")
    assert done.returncode == 0, done.stderr
    run([str(program)], 500, tables)


@pytest.mark.skipif(
    not (ARM_COMPILER and ARM_MACHINE),
    reason="needs aarch64-linux-gnu-gcc and qemu-aarch64 (Debian: gcc-aarch64-linux-gnu, "
    "libc6-dev-arm64-cross, qemu-user-static)",
)
def test_goldens_and_mutants_on_aarch64(tmp_path, tables):
    program = tmp_path / "driver"
    build = [ARM_COMPILER, "-std=c99", "-O2", "-static", *STRICT, *DRIVER, "-o", str(program)]
    subprocess.run(build, check=True)
    run([ARM_MACHINE, str(program)], 200, tables)


@pytest.mark.skipif(COMPILER is None, reason="no C compiler here")
@pytest.mark.parametrize(
    "flags",
    [["-std=c99", "-O2"], ["-std=c11", "-Os", "-funsigned-char"], ["-x", "c++", "-std=c++17"]],
    ids=["c99", "unsigned char", "c++"],
)
def test_compiles_without_a_warning(tmp_path, flags):
    result = str(tmp_path / "delegate.o")
    subprocess.run([COMPILER, *flags, "-c", *STRICT, str(DELEGATE), "-o", result], check=True)


@pytest.mark.skipif(COMPILER is None, reason="no C compiler here")
def test_needs_nothing_of_the_runtime(tmp_path):
    if shutil.which("nm") is None:
        pytest.skip("no nm here")
    result = str(tmp_path / "delegate.o")
    subprocess.run([COMPILER, "-std=c99", "-O1", "-c", str(DELEGATE), "-o", result], check=True)
    listing = subprocess.run(
        ["nm", "-u", result], check=True, capture_output=True, text=True
    ).stdout
    called = {line.split()[-1].lstrip("_") for line in listing.splitlines()}
    assert called <= {
        "GLOBAL_OFFSET_TABLE_",
        "calloc",
        "free",
        "malloc",
        "memcmp",
        "memcpy",
        "memmove",
        "memset",
        "stack_chk_fail",
        "strchr",
        "strcmp",
        "strlen",
    }
