"""Files packed by the first version of the packer run and unpack as they did.

Lengths as int32 for many ids and STRIDED_SLICE were theirs; the packer writes neither any more.
"""

from pathlib import Path

import numpy as np
import pytest

from tfcompress.tflite import inspect_model
from tfcompress.tflite.flatbuffer import read, text
from tfcompress.tflite.unpack import unpack

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "packed_v1"
PLAIN = (GOLDEN / "plain.tflite").read_bytes()


def table(content):
    file = read(content)
    (found,) = (tensor for tensor in file.subgraphs[0].tensors if text(tensor.name) == "table")
    return file.array(found)


@pytest.mark.parametrize("name", ["builtin-fixed", "builtin-indexed", "delegate-indexed"])
def test_runs_and_unpacks(name, run):
    content = (GOLDEN / f"{name}.tflite").read_bytes()
    operators = inspect_model(content).operators
    assert ("STRIDED_SLICE" in operators) == name.startswith("builtin")
    rows = table(PLAIN)
    ids = np.random.default_rng(0).permutation(len(rows)).astype(np.int32)
    assert np.array_equal(run(content, ids)[0], rows[ids])
    assert np.array_equal(table(unpack(content)), rows)
