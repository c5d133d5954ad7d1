"""Memory that one step frees serves the next."""

import platform
import subprocess
import sys

import pytest

FAULTS_OF_A_SECOND_BLOCK = """
import resource
import sys

import numpy as np

if sys.argv[1] == "kept":
    from tfcompress.training.allocator import KeepFreedMemory

    KeepFreedMemory().on_train_begin()
np.ones(100 << 20, np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(100 << 20, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    """Page faults of a block of 100 MB that follows a freed one, in a process of its own."""
    # NumPy itself asks for huge pages, which come with few faults either way.
    done = subprocess.run(
        [sys.executable, "-c", FAULTS_OF_A_SECOND_BLOCK, how],
        capture_output=True,
        check=True,
        text=True,
        env={"PATH": "", "NUMPY_MADVISE_HUGEPAGE": "0", "KERAS_BACKEND": "jax"},
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_a_freed_block_serves_the_next_step() -> None:
    assert faults("as it was") > 10_000
    assert faults("kept") < 1_000
