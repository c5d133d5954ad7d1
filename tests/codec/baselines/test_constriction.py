"""constriction as an independent oracle: its Huffman coder takes as many bits as our codes say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfcompress.codec.baselines import own_code_costs, row_limits
from tfcompress.prefix_codes import huffman_lengths

constriction = pytest.importorskip("constriction")
TABLES = hnp.arrays(
    np.int8,
    st.tuples(st.integers(1, 6), st.integers(2, 40)),
    elements=st.one_of(st.integers(-3, 3), st.integers(-128, 127)),
)


def coded_bits(symbols, counts):
    """Bits that constriction's coder writes, after it has read them back."""
    shares = counts / counts.sum()
    encoder = constriction.symbol.QueueEncoder()
    tree = constriction.symbol.huffman.EncoderHuffmanTree(shares)
    for symbol in symbols:
        encoder.encode_symbol(int(symbol), tree)
    words, bits = encoder.get_compressed()
    decoder = constriction.symbol.QueueDecoder(words)
    tree = constriction.symbol.huffman.DecoderHuffmanTree(shares)
    assert [decoder.decode_symbol(tree) for _ in symbols] == symbols.tolist()
    return bits


@settings(max_examples=50)
@given(TABLES)
def test_one_code_for_the_table(table):
    _, symbols, counts = np.unique(table, return_inverse=True, return_counts=True)
    expected = coded_bits(symbols.ravel(), counts.astype(np.float64)) if len(counts) > 1 else 0
    assert int(counts @ huffman_lengths(counts)) == expected


@settings(max_examples=30)
@given(TABLES)
def test_a_code_for_each_row(table):
    costs = []
    for row in table:
        _, symbols, counts = np.unique(row, return_inverse=True, return_counts=True)
        lone = len(counts) == 1
        costs.append(0 if lone else coded_bits(symbols.ravel(), counts.astype(np.float64)))
    histograms = np.stack([np.bincount(row.view(np.uint8), minlength=256) for row in table])
    assert own_code_costs(histograms).tolist() == costs
    assert row_limits(table)[1].stride == max(costs)
