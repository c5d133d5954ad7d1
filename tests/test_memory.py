"""Memory that one step frees serves the next."""

import platform
import subprocess
import sys

import pytest

from tfcompress.memory import KEPT

FAULTS_OF_A_SECOND_BLOCK = """
import resource
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tfcompress.memory import keep_freed_memory


def faults():
    np.ones(100 << 20, np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(100 << 20, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


if sys.argv[1] == "kept":
    keep_freed_memory()
with ThreadPoolExecutor(1) as pool:
    print(faults(), pool.submit(faults).result())
"""


def faults(how: str = "as it was", **environment: str) -> list[int]:
    """Page faults of a block of 100 MB that follows a freed one, in a process of its own.

    First of the first thread, then of another one.
    """
    # NumPy itself asks for huge pages, which come with few faults either way.
    done = subprocess.run(
        [sys.executable, "-c", FAULTS_OF_A_SECOND_BLOCK, how],
        capture_output=True,
        check=True,
        text=True,
        env={"PATH": "", "NUMPY_MADVISE_HUGEPAGE": "0", **environment},
    )
    return [int(count) for count in done.stdout.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc")
def test_a_freed_block_serves_the_next_step() -> None:
    assert min(faults()) > 10_000
    assert max(faults("kept")) < 1_000
    assert max(faults(**KEPT)) < 1_000
