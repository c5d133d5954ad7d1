"""Mode `rate`: coarse tables near their entropy, any row alone, blocks of bounded size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codec.tables import gaussian, ranked
from tfcompress.codec import PackedTable, pack, rate, rate_fit
from tfcompress.codec.reference import decode_rows
from tfcompress.codec.source import as_source
from tfcompress.errors import ConfigError, CorruptTableError


@pytest.fixture(scope="module")
def coarse():
    return ranked(12_000, 64, step=0.02)


@pytest.fixture(scope="module")
def packed(coarse):
    return pack(coarse, "rate")


def plan(table, **options):
    return rate.plan(as_source(table), lambda rows: None, **options)


@pytest.fixture(scope="module")
def coder(coarse):
    return plan(coarse)


def entropy_bytes(table, coder):
    """Bytes that the values have in the coder's contexts, each context a source of its own."""
    segment = np.searchsorted(coder.segment_starts, np.arange(len(table)), side="right") - 1
    own = coder.segment_class[segment].astype(int) + coder.row_class
    bits = 0.0
    for context in range(len(coder.bounds)):
        values = table[own[:, None] + coder.column_class == context]
        counts = np.unique(values, return_counts=True)[1]
        bits += counts @ np.log2(counts.sum() / counts)
    return bits / 8


def test_ranked_rows_come_within_five_percent_of_their_entropy(coarse, packed, coder):
    assert coder.class_bounds.size == 1  # bands of ranks are enough: no row says its class
    assert packed.nbytes > 50_000
    assert packed.nbytes < 1.05 * entropy_bytes(coarse, coder)
    head = coarse[:2000]
    assert pack(head, "rate").nbytes < 0.85 * pack(head, "context").nbytes
    assert pack(head).mode == "rate"


def test_rows_in_any_order_have_classes_of_their_own(coarse):
    table = np.random.default_rng(0).permutation(coarse[:2000])
    assert plan(table).class_bounds.size > 1
    assert pack(table, "rate").nbytes < pack(table, "context").nbytes


def test_signs_have_probabilities_where_they_pay():
    table = np.maximum(gaussian(2000, 16, scale=1.0), 0)
    packed = pack(table, "rate")
    model = packed.header.sections()["model"].start
    assert packed.to_bytes()[model + 3] == 1
    halves = pack(gaussian(2000, 16, scale=1.0), "rate")
    assert (
        halves.to_bytes()[model - packed.header.payload_bytes + halves.header.payload_bytes + 3]
        == 0
    )
    assert np.array_equal(PackedTable.from_bytes(packed.to_bytes()).unpack(), table)


@settings(max_examples=30)
@given(data=st.data())
def test_rows_in_any_order_go_on_or_start_anew(data, coarse, packed):
    """Within a call a row goes on where the one before it ended: that must not show."""
    start = data.draw(st.integers(0, len(coarse) - 40))
    ids = start + np.array(data.draw(st.lists(st.integers(0, 39), max_size=60)), int)
    assert np.array_equal(packed.rows(ids), coarse[ids])


def test_reference_decoder_agrees(coarse, packed):
    ids = [0, 1, 77, 11_999, 5000]
    assert np.array_equal(decode_rows(packed.to_bytes(), ids), coarse[ids])


def test_blocks_grow_with_rank_and_stay_bounded(coarse, coder):
    sizes = np.diff(coder.block_starts)
    assert sizes[0] < sizes[-2] <= rate.MAX_BLOCK_ROWS
    tail = coarse[-500:]
    assert np.diff(plan(np.zeros((90, 1500), np.int8)).block_starts).max() == 1
    slow, quick = pack(tail, "rate"), pack(tail, "rate", max_row_us=1.0)
    assert quick.header.blocks > 2 * slow.header.blocks
    assert np.array_equal(quick.unpack(), tail)
    with pytest.raises(ConfigError, match=r"max_row_us: 0.2 is too little .* rows take up to"):
        pack(tail, "rate", max_row_us=0.2)


def test_zeros_take_no_payload():
    packed = pack(np.zeros((5000, 64), np.int8), "rate")
    assert packed.header.payload_bytes == 0
    assert not packed.unpack().any()


@pytest.mark.parametrize("shuffled", [False, True], ids=["by bands", "by row classes"])
def test_columns_that_are_surely_zero_from_some_row_on(coarse, shuffled):
    table = coarse[:3000].copy()
    for start, columns in ((300, 30), (1000, 11), (2000, 0)):
        table[start:, columns:] = 0
    if shuffled:
        table = np.random.default_rng(4).permutation(table)
    packed = pack(table, "rate")
    assert np.array_equal(packed.unpack(), table)
    ids = np.random.default_rng(5).integers(0, len(table), 40)
    assert np.array_equal(packed.rows(ids), table[ids])
    assert np.array_equal(decode_rows(packed.to_bytes(), ids[:5]), table[ids[:5]])


def test_given_classes_are_the_bands():
    """Rows whose scale jumps where no half-octave ends."""
    classes = np.repeat([3, 1, 7, 1], [333, 500, 77, 2090])
    loud = np.array([0.2, 3.0, 0.6, 0.05])[[0, 1, 2, 3]].repeat([333, 500, 77, 2090])
    values = np.random.default_rng(1).normal(size=(3000, 16)) * loud[:, None]
    table = np.rint(values).astype(np.int8)
    given_classes = pack(table, "rate", row_classes=classes)
    assert np.array_equal(given_classes.unpack(), table)
    assert given_classes.nbytes < pack(table, "rate").nbytes


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (np.zeros(299, int), r"got int64 \(299,\), expected integers \(300,\)"),
        (np.zeros(300), "got float64"),
        (np.arange(300), "got 300 runs .* at most 255"),
    ],
)
def test_classes_that_cannot_be_used(classes, message):
    with pytest.raises(ConfigError, match=message):
        pack(np.zeros((300, 4), np.int8), "rate", row_classes=classes)


def test_rows_as_wide_as_readers_count():
    table = gaussian(3, rate.MAX_COLUMNS, scale=0.3)
    packed = PackedTable.from_bytes(pack(table, "rate").to_bytes())
    assert np.array_equal(packed.rows([2, 0, 1]), table[[2, 0, 1]])
    assert np.array_equal(decode_rows(packed.to_bytes(), [1]), table[[1]])


def test_a_table_too_wide():
    with pytest.raises(ConfigError, match="up to 65535 columns, got int8 with 65536"):
        pack(np.zeros((2, 65_536), np.int8), "rate")


@pytest.mark.parametrize("rows", [1, 4, 5, 100, 23_715, 2**31])
def test_half_octaves(rows):
    starts = rate_fit.half_octaves(rows)
    assert starts[0] == 0
    assert (np.diff(starts) > 0).all()
    assert starts[-1] < rows
    assert len(starts) <= 60


def test_damaged_blocks_are_errors_or_other_rows_of_their_block_only(coarse):
    """Bytes of one block never reach the rows of another."""
    table = coarse[:600]
    packed = pack(table, "rate")
    starts = plan(table).block_starts
    (span,) = packed._table.spans(9, 10)[0]
    start, end = (56 - 8 + int(bit) // 8 for bit in span)
    kept = [row for row in range(600) if not starts[9] <= row < starts[10]]
    named = 0
    for at in range(start, end):
        blob = bytearray(packed.to_bytes())
        blob[at] ^= 0xFF if at + 1 < end else blob[at]
        damaged = PackedTable.from_bytes(blob)
        assert np.array_equal(damaged.rows(kept), table[kept])
        with pytest.raises(CorruptTableError, match="checksum"):
            damaged.verify()
        try:
            damaged.rows(np.arange(starts[9], starts[10]))
        except CorruptTableError as error:
            named += f"row {starts[9]}" in str(error)
    assert named > 0  # a block that ends in a zero byte, for one
