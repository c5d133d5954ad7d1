"""Files packed by every version of the packer run and unpack as they did, those of layout 3 too.

Lengths as int32 for many ids and STRIDED_SLICE were the first one's; the packer writes neither any
more. Whole look-ups for few ids and words whose first bit is as it is were layout 2's. Lengths in
the wide one are int32, as in files of large tables.
"""

from pathlib import Path

import numpy as np
import pytest

from tfcompress.tflite import inspect_model
from tfcompress.tflite.graph.fields import text
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.packing.unpack import unpack

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
PLAIN = (GOLDEN / "packed_v1" / "plain.tflite").read_bytes()


def table(content):
    file = read(content)
    (found,) = (tensor for tensor in file.subgraphs[0].tensors if text(tensor.name) == "table")
    return file.array(found)


@pytest.mark.parametrize(
    ("name", "operator"),
    [
        ("packed_v1/builtin-fixed", "STRIDED_SLICE"),
        ("packed_v1/builtin-indexed", "STRIDED_SLICE"),
        ("packed_v1/delegate-indexed", None),
        ("packed_v2/builtin-fixed", "CUMSUM"),
        ("packed_v2/builtin-indexed", "BITCAST"),
        ("packed_v3/builtin-fixed", "CUMSUM"),
        ("packed_v3/builtin-indexed", "MAXIMUM"),
        ("packed_v3/builtin-indexed-wide", "MAXIMUM"),
    ],
)
def test_runs_and_unpacks(name, operator, run):
    content = (GOLDEN / f"{name}.tflite").read_bytes()
    operators = inspect_model(content).operators
    assert operator is None or operator in operators
    rows = table(PLAIN)
    ids = np.random.default_rng(0).permutation(len(rows)).astype(np.int32)
    assert np.array_equal(run(content, ids)[0], rows[ids])
    assert np.array_equal(table(unpack(content)), rows)
