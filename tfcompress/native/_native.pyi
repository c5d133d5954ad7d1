from typing import Any

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]

class Table:
    def __init__(self, data: U8) -> None: ...
    @property
    def status(self) -> int: ...
    @property
    def table_bytes(self) -> int: ...
    def rows(self, ids: NDArray[np.int64]) -> tuple[U8, int, int]: ...
    def spans(self, first: int, last: int) -> tuple[NDArray[np.uint64], int, int]: ...

def message(status: int) -> str: ...
def encode_prefix(symbols: U8, rest: U8, lengths: U8, stride_bits: int) -> tuple[U8, U32]: ...
def fill_slots(levels: U8, probability_bits: int) -> U8: ...
def encode_rows(
    symbols: U8,
    rest: U8,
    row_class: U8,
    column_class: U8,
    slots: U8,
    probability_bits: int,
    tail_columns: int,
    tail_lengths: U8,
) -> tuple[U8, U32]: ...
def encode_bytes(values: U8, slots: U8) -> U8: ...
def encode_blocks(
    symbols: U8,
    context: U8,
    row_class: U8,
    column_class: U8,
    block_rows: U8,
    bounds: NDArray[np.uint16],
    class_bounds: NDArray[np.uint16],
) -> tuple[U8, U32]: ...
def group_rows(data: U8, lengths: U32) -> tuple[U8, NDArray[np.uint64]]: ...
def predict_rows(
    symbols: U8,
    weights: NDArray[np.int8],
    bias: NDArray[np.int32],
    shift: U8,
    limit: int,
) -> U8: ...
def count_contexts(symbols: U8, row_class: U8, column_class: U8, contexts: int) -> Any: ...
def count_columns(symbols: U8, row_class: U8, row_classes: int) -> NDArray[np.float32]: ...
def count_rows(symbols: U8) -> U32: ...
def sum_costs(symbols: U8, costs: NDArray[np.float64]) -> NDArray[np.float64]: ...
def choose_classes(
    symbols: U8,
    row_class: U8,
    column_class: U8,
    costs: NDArray[np.uint16],
    class_costs: U32,
    patience: int,
) -> tuple[U8, U32]: ...
def lower_envelopes(
    heights: NDArray[np.float64], points: NDArray[np.float64]
) -> NDArray[np.float32]: ...
def descend_rows(
    metrics: NDArray[np.float32],
    targets: NDArray[np.float32],
    integers: NDArray[np.int8],
    row_context: U8,
    column_context: U8,
    costs: NDArray[np.float32],
    shrink: float,
) -> NDArray[np.int8]: ...
