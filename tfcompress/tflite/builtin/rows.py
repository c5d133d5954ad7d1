"""A packed table decoded by builtin operators (`--target builtin`): any stock runtime runs it.

The constants, by name:

    NAME            payload: halfwords (`row_decoder`), int16 (count,) or (count / 2, 2)
    NAME/base       int32 (groups,), and in mode `indexed` NAME/offset uint8 (rows,): where rows
                    start (`row_places`)
    NAME/lengths    by the next bits (`code_lookups`): how long the word is, uint8, or int32 for few
                    ids where the table is large (earlier versions: for many ids); none where a row
                    is one word
    NAME/symbols    by the next bits: the values it stands for
    NAME/left0, 1   what is left of floats (`row_values`)

An id out of range is an error of a GATHER: of the base, of the offsets or of the payload.

Earlier versions wrote other layouts, which `builtin.unpack` reads: look-ups always whole; before
that fixed rows of whole bytes as (rows, k), the last odd byte in NAME/last, rows of `indexed` in
blocks of 8 bytes, all flipped.
"""

from typing import Any, cast

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tfcompress.choices import Decoder
from tfcompress.codec.layout import Dtype
from tfcompress.tflite.builtin import row_values
from tfcompress.tflite.builtin.row_bits import U8
from tfcompress.tflite.builtin.row_coding import RowPlan
from tfcompress.tflite.builtin.row_decoder import (
    Lookups,
    decode_few,
    decode_many,
    halfword_pairs,
    to_halfwords,
)
from tfcompress.tflite.builtin.row_places import HALFWORD_BITS
from tfcompress.tflite.graph.fields import indices, text
from tfcompress.tflite.graph.flatbuffer import KIND_OF_DTYPE
from tfcompress.tflite.graph.names import new_name
from tfcompress.tflite.graph.operator_chain import ChainConstants, OperatorChain

_Type = schema.TensorType
LAYOUT = 3
FEW_IDS = 10
"""From about so many ids at a time on the shape for many is the faster one."""
_OPERATORS_A_STEP = {"few-ids": 1, "many-ids": 5}
_OTHER_OPERATORS = 35
MAX_OPERATORS = 2000


def decoders(wanted: str, num_ids: int) -> tuple[Decoder, ...]:
    """Shapes of decoder for lookups of `num_ids` ids, in the order to try them.

    Args:
        wanted: str. "few-ids", "many-ids" or "auto".
        num_ids: int. Decides where "auto" is wanted.
    """
    if wanted != "auto":
        return (cast("Decoder", wanted),)
    return ("few-ids",) if num_ids < FEW_IDS else ("many-ids", "few-ids")


def has_compact_lookups(decoder: Decoder) -> bool:
    """Whether a shape of decoder takes compact look-ups; for many ids they would take time."""
    return decoder == "few-ids"


def operators(decoder: Decoder, steps: int) -> int:
    """About how many operators a lookup takes, of rows of `steps` words."""
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
        symbols = plan.lookups.symbols
        if dtype in ("int8", "int4"):
            symbols = symbols.view(np.int8)
        self.codec = plan.mode
        self.decoder = decoder
        self.operators_a_lookup = operators(decoder, plan.steps)
        self.constant_bytes = plan.nbytes + sum(part.nbytes for part in left)
        # Halfwords gathered at once. What is gathered for an id out of range must lie behind all
        # that is gathered for the last row: rows that follow each other differ by a block.
        is_wide = plan.places.slope << plan.places.unit >= 2 * HALFWORD_BITS
        self._block = 2 if decoder == "many-ids" and (is_wide or plan.mode == "indexed") else 1
        if decoder == "few-ids":  # a number for every bit, two for every halfword
            self.constant_bytes += 4 * (HALFWORD_BITS + 2) * plan.places.blocks(1)
        self._name = name
        self._dtype = dtype
        self._plan = plan
        self._constants = constants
        self._values = values
        self._parts = {f"left{number}": part for number, part in enumerate(left)}
        self._parts["lengths"] = plan.lookups.lengths
        self._parts["symbols"] = symbols[:, 0] if symbols.shape[1] == 1 else symbols
        self._buffers: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._ends: list[dict[str, Any]] = []

    def rows(self, subgraph: Any, ids: int, output: int) -> list[Any]:
        """Operators that put the rows of `ids` into the tensor `output`."""
        if not self._buffers:
            self._write_payload()
        chain = OperatorChain(self._constants, subgraph)
        rank = len(indices(subgraph.tensors[ids].shape))
        columns, group, steps = self._plan.columns, self._plan.code.group, self._plan.steps
        found = self._plan.lookups
        lookups = Lookups(
            self._tensor(subgraph, "lengths") if steps > 1 else None,
            found.is_wide,
            self._tensor(subgraph, "symbols"),
            found.bits,
            found.shift,
            found.skip,
            group,
            steps,
        )
        flat = ids if rank == 1 else chain.reshape(ids, [-1])
        emit = self._few if self.decoder == "few-ids" else self._many
        values = emit(chain, subgraph, flat, lookups)
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
        """What `builtin.unpack` needs besides the constants, for the file's metadata."""
        places = self._plan.places
        return {
            "decoder": self.decoder,
            "layout": LAYOUT,
            "constants": self._names,
            "lookups": self._ends,
            "columns": self._plan.columns,
            "code": {"bits": self._plan.lookups.bits, "shift": self._plan.lookups.shift},
            "index": {
                "unit": places.unit,
                "group_rows": places.group_rows,
                "slope": places.slope,
            },
        }

    def _mark(self, subgraph: Any, operators: list[Any]) -> None:
        """Names the first tensor written and the last one read, by which the decoder is found."""
        made = [output for operator in operators for output in operator.outputs]
        read = next(tensor for tensor in operators[-1].inputs if tensor in made)
        graphs = self._constants.file.subgraphs
        place = next(k for k, graph in enumerate(graphs) if graph is subgraph)
        ends = []
        for tensor, end in ((made[0], "from"), (read, "to")):
            name = new_name(graphs, subgraph, f"{self._name}/{end}")
            subgraph.tensors[tensor].name = name
            ends.append(name)
        first, last = ends
        self._ends.append({"subgraph": place, "from": first, "to": last})

    def _write_payload(self) -> None:
        places = self._plan.places
        payload = self._plan.encode(self._values, places.payload_bytes(self._block))
        halfwords = to_halfwords(payload, self.decoder)
        self._parts[""] = halfwords if self._block == 1 else halfwords.reshape(-1, self._block)
        self._parts["base"] = places.base
        if places.offset is not None:
            self._parts["offset"] = places.offset

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

    def _few(self, chain: OperatorChain, subgraph: Any, ids: int, lookups: Lookups) -> int:
        count = self._plan.places.blocks(1)
        first, start = self._places(chain, subgraph, ids)
        pairs = chain.constant(halfword_pairs(count))
        pairs = chain.add(chain.reshape(first, [-1, 1, 1, 1]), pairs)
        words = chain.bitcast(chain.gather(self._tensor(subgraph, ""), pairs), _Type.INT32, 3)
        return decode_few(chain, words, start, count, lookups)

    def _many(self, chain: OperatorChain, subgraph: Any, ids: int, lookups: Lookups) -> int:
        count = self._plan.places.blocks(self._block)
        first, start = self._places(chain, subgraph, ids)
        blocks = chain.add(chain.reshape(first, [-1, 1]), chain.constant([list(range(count))]))
        gathered = chain.gather(self._tensor(subgraph, ""), blocks)
        halfwords = chain.cast(chain.reshape(gathered, [-1]), _Type.INT32)
        row_bits = count * self._block * HALFWORD_BITS
        return decode_many(chain, ids, halfwords, start, row_bits, lookups)

    def _places(self, chain: OperatorChain, subgraph: Any, ids: int) -> tuple[int, int]:
        """The first block of rows, and the bit of it that they start at."""
        places = self._plan.places
        group = chain.shift_right(ids, places.group_rows.bit_length() - 1)
        units = chain.gather(self._tensor(subgraph, "base"), group)
        if places.offset is not None:
            offset = chain.gather(self._tensor(subgraph, "offset"), ids)
            units = chain.add(units, chain.cast(offset, _Type.INT32))
        units = chain.add(units, chain.multiply(ids, chain.constant(places.slope)))
        units_a_block = HALFWORD_BITS * self._block >> places.unit
        if units_a_block == 1:
            return units, chain.subtract(ids, ids)
        first = chain.shift_right(units, units_a_block.bit_length() - 1)
        start = chain.remainder(units, units_a_block)
        if places.unit:
            start = chain.multiply(start, chain.constant(1 << places.unit))
        return first, start
