"""A packed table decoded by builtin operators (`--target builtin`): any stock runtime runs it.

The constants, by name:

    NAME            payload: flipped halfwords (`row_decoder`), int16 (rows, k) or (blocks, 4)
    NAME/last       int8 (rows, 1): the last byte of rows of an odd number of bytes, flipped
    NAME/base       int32 (groups,), NAME/offset uint8 (rows,): where rows of mode `indexed` start
    NAME/lengths    by the next bits: how long the word is, uint8 (earlier versions: int32 for many
                    ids); none where a row is one word
    NAME/symbols    by the next bits: the values it stands for
    NAME/left0, 1   what is left of floats (`row_values`)

An id out of range is an error of the first GATHER: of the payload, or of the offsets.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tfcompress.codec.layout import Dtype
from tfcompress.tflite import row_values
from tfcompress.tflite.flatbuffer import KIND_OF_DTYPE, indices, text, unique_name
from tfcompress.tflite.operator_chain import ChainConstants, OperatorChain
from tfcompress.tflite.row_bits import BLOCK_BITS, BLOCK_BYTES, U8
from tfcompress.tflite.row_coding import RowPlan
from tfcompress.tflite.row_decoder import (
    Decoder,
    Lookups,
    Windows,
    by_signed_number,
    decode_few,
    decode_many,
    flip,
)

_Type = schema.TensorType
_BLOCK_SHIFT = BLOCK_BITS.bit_length() - 1
_DECODE = {"few-ids": decode_few, "many-ids": decode_many}
FEW_IDS = 10
"""From about so many ids at a time on the shape for many is the faster one."""
_OPERATORS_A_STEP = {"few-ids": 1, "many-ids": 5}
_OTHER_OPERATORS = 25
MAX_OPERATORS = 2000


def choose_decoder(wanted: str, num_ids: int, steps: int) -> Decoder | None:
    """The shape of decoder for lookups of `num_ids` ids, of rows of `steps` words.

    Args:
        wanted: str. "few-ids", "many-ids" or "auto".
        num_ids: int. Decides where "auto" is wanted.
        steps: int.

    Returns:
        None where it would take too many operators; "auto" falls back to the shape for few ids.
    """
    if wanted == "many-ids" or (wanted == "auto" and num_ids >= FEW_IDS):
        if _operators("many-ids", steps) <= MAX_OPERATORS:
            return "many-ids"
        if wanted == "many-ids":
            return None
    return "few-ids" if _operators("few-ids", steps) <= MAX_OPERATORS else None


def _operators(decoder: Decoder, steps: int) -> int:
    return steps * _OPERATORS_A_STEP[decoder] + _OTHER_OPERATORS


class BuiltinRows:
    """Writes one packed table, and the operators that read it, into a file.

    Args:
        constants: ChainConstants. Of the file.
        name: str. The table's tensor is called so.
        dtype: str. What the table holds.
        plan: RowPlan.
        values: uint8 array (n, D), from `row_values.split`, as the next.
        left: list of arrays (n, D).
        decoder: str. "few-ids" or "many-ids".

    Attributes:
        codec: str. "fixed" or "indexed".
        constant_bytes: int. What its constants take.
        operators_a_lookup: int. Operators in the place of each lookup, about.
        decoder: str.
        gives_int8: bool. True: int4 values come as int8.
    """

    gives_int8 = True

    def __init__(  # noqa: PLR0917, a table and all that was chosen for it
        self,
        constants: ChainConstants,
        name: str,
        dtype: Dtype,
        plan: RowPlan,
        values: U8,
        left: list[NDArray[Any]],
        decoder: Decoder,
    ) -> None:
        lengths, symbols = plan.code.lookups()
        if dtype in ("int8", "int4"):
            symbols = symbols.view(np.int8)
        self.codec = plan.mode
        self.decoder = decoder
        self.operators_a_lookup = _operators(decoder, plan.steps)
        self.constant_bytes = plan.nbytes + sum(part.nbytes for part in left)
        if decoder == "few-ids":
            row_bytes = plan.stride if plan.index is None else plan.index.blocks * BLOCK_BYTES
            self.constant_bytes += 8 * row_bytes * 4  # a place for every bit
        self._name = name
        self._dtype = dtype
        self._plan = plan
        self._constants = constants
        self._values = values
        self._parts = {f"left{number}": part for number, part in enumerate(left)}
        self._parts["lengths"] = by_signed_number(lengths)
        self._parts["symbols"] = by_signed_number(symbols)
        if symbols.shape[1] == 1:
            self._parts["symbols"] = self._parts["symbols"][:, 0]
        self._buffers: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._ends: list[dict[str, Any]] = []

    def rows(self, subgraph: Any, ids: int, output: int) -> list[Any]:
        """Operators that put the rows of `ids` into the tensor `output`."""
        if not self._buffers:
            self._write_payload()
        chain = OperatorChain(self._constants, subgraph)
        rank = len(indices(subgraph.tensors[ids].shape))
        flat = ids if rank == 1 else chain.reshape(ids, [-1])
        fixed = self._plan.index is None
        windows = (self._fixed if fixed else self._indexed)(chain, subgraph, flat)
        columns, group, steps = self._plan.columns, self._plan.code.group, self._plan.steps
        lengths = self._tensor(subgraph, "lengths") if steps > 1 else None
        symbols = self._tensor(subgraph, "symbols")
        lookups = Lookups(lengths, symbols, self._plan.code.bits, group, steps)
        values = _DECODE[self.decoder](chain, flat, windows, lookups)
        if group > 1:
            values = chain.reshape(values, [-1, steps * group])
            if columns % group:
                values = chain.first_columns(values, columns)
        left = [self._tensor(subgraph, part) for part in sorted(self._parts) if "left" in part]
        result = row_values.emit_join(chain, values, left, flat, self._dtype)
        tail = indices(subgraph.tensors[output].shape)[rank:]
        if rank == 1 and len(tail) == 1:
            chain.end_in(output)
        else:
            chain.reshape_rows(result, ids, tail, output)
        self._mark(subgraph, chain.operators)
        return chain.operators

    def described(self) -> dict[str, Any]:
        """What `builtin_unpack` needs besides the constants, for the file's metadata."""
        index = self._plan.index
        return {
            "decoder": self.decoder,
            "constants": self._names,
            "lookups": self._ends,
            "columns": self._plan.columns,
            "index": index
            and {"unit": index.unit, "group_rows": index.group_rows, "slope": index.slope},
        }

    def _mark(self, subgraph: Any, operators: list[Any]) -> None:
        """Names the first tensor written and the last one read, by which the decoder is found."""
        made = [output for operator in operators for output in operator.outputs]
        read = next(tensor for tensor in operators[-1].inputs if tensor in made)
        graphs = self._constants.file.subgraphs
        place = next(k for k, graph in enumerate(graphs) if graph is subgraph)
        ends = []
        for tensor, end in ((made[0], "from"), (read, "to")):
            name = unique_name(subgraph, f"{self._name}/{end}")
            subgraph.tensors[tensor].name = name
            ends.append(name)
        first, last = ends
        self._ends.append({"subgraph": place, "from": first, "to": last})

    def _write_payload(self) -> None:
        payload, index = self._plan.encode(self._values), self._plan.index
        if index is not None:
            self._parts[""] = flip(payload.reshape(-1, BLOCK_BYTES))
            self._parts["base"] = index.base
            self._parts["offset"] = index.offset
            return
        whole = payload.shape[1] // 2 * 2
        self._parts[""] = flip(np.ascontiguousarray(payload[:, :whole]))
        if whole < payload.shape[1]:
            self._parts["last"] = (payload[:, whole:] ^ np.uint8(0x80)).view(np.int8)

    def _tensor(self, subgraph: Any, part: str) -> int:
        """The tensor of a named constant in a subgraph."""
        file, value = self._constants.file, self._parts[part]
        if part not in self._buffers:
            self._buffers[part] = file.add_buffer(value)
        name = f"{self._name}/{part}" if part else self._name
        kind = KIND_OF_DTYPE[value.dtype.name]
        tensor = file.add_constant_view(subgraph, name, value.shape, kind, self._buffers[part])
        self._names.setdefault(part, text(subgraph.tensors[tensor].name))
        return tensor

    def _fixed(self, chain: OperatorChain, subgraph: Any, ids: int) -> Windows:
        stride = self._plan.stride
        parts = [chain.cast(chain.gather(self._tensor(subgraph, ""), ids), _Type.INT32)]
        if stride % 2:
            last = chain.cast(chain.gather(self._tensor(subgraph, "last"), ids), _Type.INT32)
            parts.append(chain.multiply(last, chain.constant(1 << 8)))
        halfwords = chain.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
        return Windows(chain.reshape(halfwords, [-1]), 16 * -(-stride // 2), None)

    def _indexed(self, chain: OperatorChain, subgraph: Any, ids: int) -> Windows:
        index = self._plan.index
        assert index is not None
        offset = chain.cast(chain.gather(self._tensor(subgraph, "offset"), ids), _Type.INT32)
        group = chain.shift_right(ids, index.group_rows.bit_length() - 1)
        place = chain.subtract(ids, chain.multiply(group, chain.constant(index.group_rows)))
        base = chain.gather(self._tensor(subgraph, "base"), group)
        units = chain.add(offset, chain.multiply(place, chain.constant(index.slope)))
        units = chain.add(base, units)
        block = chain.shift_right(units, _BLOCK_SHIFT - index.unit)
        first = chain.multiply(block, chain.constant(BLOCK_BITS >> index.unit))
        start = chain.subtract(units, first)
        if index.unit:
            start = chain.multiply(start, chain.constant(1 << index.unit))
        number = chain.constant([list(range(index.blocks))])
        touched = chain.add(chain.reshape(block, [-1, 1]), number)
        gathered = chain.gather(self._tensor(subgraph, ""), touched)
        halfwords = chain.cast(chain.reshape(gathered, [-1]), _Type.INT32)
        return Windows(halfwords, index.blocks * BLOCK_BITS, start)
