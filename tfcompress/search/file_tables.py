"""The float tables of a .tflite, coded together and put in place of the file's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError
from tfcompress.rate_distortion import TransformedTable
from tfcompress.search.coded_together import MIN_BYTES, CodedTogether
from tfcompress.search.shipped_bytes import shipped_bytes
from tfcompress.tflite.graph.flatbuffer import TfliteFile, read
from tfcompress.tflite.graph.prune import prune
from tfcompress.tflite.packing.coded_tables import store_coded
from tfcompress.tflite.packing.damaged import following_the_graph
from tfcompress.tflite.packing.float_tables import find_float_tables, make_float
from tfcompress.tflite.packing.unpack import unpack_file
from tfcompress.tflite.tables.constants import TableConstant
from tfcompress.tflite.tables.fold_rotation import folding, seen_directions


class FileTables(CodedTogether):
    """The tables of a file that hold floats, or integers that stand for floats.

    Args:
        content: bytes. Any .tflite file; packed tables are unpacked.
        counts: number array `(n,)` or None. How often each id is read; for the tables of n rows.
        ranked_rows: bool. Whether the other tables have the most frequent row first.
        by_layers: bool. Whether errors count by what the layers behind the tables see of them, for
            a search that measures a model; else all directions of a row are alike, as for an SNR.
        target: str. "delegate" or "builtin": what will decode the rows, and so how many bytes they
            take.
        code_output: bool. Whether output matrices are coded, too, which only scores are taken
            against; for target "delegate".

    Attributes:
        names: tuple of str. Those that are coded, the largest first.
        left: tuple of LeftConstant. Constants that are not coded, and why; the largest first.

    Raises:
        ConfigError: There is nothing to code, or a table holds a NaN or an infinity.
        ModelError: It is no .tflite file, or it is damaged.
    """

    def __init__(
        self,
        content: bytes,
        *,
        counts: NDArray[np.number] | None = None,
        ranked_rows: bool = False,
        by_layers: bool = False,
        target: str = "builtin",
        code_output: bool = False,
    ) -> None:
        file = read(content)
        with following_the_graph():
            unpack_file(file)
            found, _ = find_float_tables(file, outputs=code_output)
            chosen = [table for table in found if table.float_bytes >= MIN_BYTES]
            constants = make_float(file, chosen)
            prune(file)
            others, left = find_float_tables(file, outputs=code_output)
        small = [
            table.left(file, f"it takes less than {MIN_BYTES:,} bytes as float32")
            for table in others
            if table.float_bytes < MIN_BYTES
        ]
        self.left = tuple(sorted([*left, *small], key=lambda constant: -constant.bytes))
        if not constants:
            read_by = "rows are looked up in" + " or scores are taken against" * code_output
            largest = f" (of {self.left[0].name}, {self.left[0].reason})" if self.left else ""
            raise ConfigError(
                f"tables: the file has none of floats with at least {MIN_BYTES:,} bytes that "
                f"{read_by}{largest}; pack it without a budget"
            )
        self._file, self._constants = file, constants
        self._floats = {name: constant.table.value for name, constant in constants.items()}
        tied = {name for name, table in zip(constants, chosen, strict=True) if table.is_tied}
        folded = folding(file, constants)
        seen = {name: seen_directions(file, constant) for name, constant in constants.items()}
        matrices = {name: value.reshape(len(value), -1) for name, value in self._floats.items()}
        super().__init__(
            matrices,
            {
                name: np.asarray(counts, np.float64)
                for name, matrix in matrices.items()
                if counts is not None and len(counts) == len(matrix)
            },
            ranked=ranked_rows,
            metrics={
                name: metric for name, metric in seen.items() if by_layers and metric is not None
            },
            size_of=lambda name, table: shipped_bytes(
                table, target, is_tied=name in tied, is_folded=name in folded
            ),
            # Shorter rows have lower scores, and here nothing is fitted that makes up for it.
            kept_long=tied,
        )

    def content(self, tables: Mapping[str, TransformedTable]) -> bytes:
        """The file with float32 tables, some of them as they are once coded."""
        for name, constant in self._constants.items():
            value = tables[name].dequantize() if name in tables else self._floats[name]
            _write(self._file, constant, value)
        return self._file.to_bytes()

    def stored(self, coded: Mapping[str, TransformedTable]) -> bytes:
        """The file with coded tables, not packed yet."""
        return store_coded(read(self.content({})), self._constants, coded)


def _write(file: TfliteFile, constant: TableConstant, value: NDArray[np.float32]) -> None:
    content: Any = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
    for subgraph in file.subgraphs:
        for index in constant.places(subgraph):
            file.model.buffers[subgraph.tensors[index].buffer].data = content
