"""The float tables of a .tflite, coded together and put in place of the file's own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError
from tfcompress.rate_distortion import TransformedTable
from tfcompress.search.coded_together import MIN_BYTES, CodedTogether
from tfcompress.search.search import SCORED_START, START
from tfcompress.search.shipped_bytes import shipped_bytes
from tfcompress.search.tflite_file.scores import FileScores
from tfcompress.tflite.graph.damaged import following_the_graph
from tfcompress.tflite.graph.flatbuffer import read
from tfcompress.tflite.graph.prune import prune
from tfcompress.tflite.packing.coded_tables import store_coded
from tfcompress.tflite.packing.float_tables import (
    FloatTable,
    find_float_tables,
    make_float,
    write_floats,
)
from tfcompress.tflite.packing.unpack import unpack_file
from tfcompress.tflite.tables.fold_rotation import folding, seen_directions
from tfcompress.tflite.tables.table_reads import table_reads


class FileTables(CodedTogether):
    """The tables of a file that hold floats, or integers that stand for floats.

    Args:
        content: bytes. Any .tflite file; packed tables are unpacked.
        counts: number array `(n,)` or None. How often each id is read; for the tables of n rows.
        ranked_rows: bool. Whether the other tables have the most frequent row first.
        by_layers: bool. Whether errors count by what the layers behind the tables see of them, for
            a search that measures a model; else all directions of a row are alike, as for an SNR.
        inputs: int32 array `(examples, length)` or None. What a model that is measured is given:
            errors in tables that scores are taken against then count by what they do to answers,
            and biases of scores are fitted to coded rows.
        target: str. "delegate" or "builtin": what will decode the rows, and so how many bytes they
            take.
        decoder: str. For target "builtin", as of `tflite.pack_model`.
        code_output: bool. Whether output matrices are coded, too, which only scores are taken
            against; for target "delegate".

    Attributes:
        names: tuple of str. Those that are coded, the largest first.
        left: tuple of LeftConstant. Constants that are not coded, and why; the largest first.
        start: Settings. Where a search begins.

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
        inputs: NDArray[np.int32] | None = None,
        target: str = "builtin",
        decoder: str = "auto",
        code_output: bool = False,
    ) -> None:
        file = read(content)
        with following_the_graph():
            unpack_file(file)
            tables, _ = find_float_tables(file, outputs=code_output)
            chosen = [table for table in tables if table.float_bytes >= MIN_BYTES]
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
        found = dict(zip(constants, chosen, strict=True))
        scored = {name for name, table in found.items() if table.scores}
        folded = folding(file, constants)
        reads = {name: table_reads(file, one, folded) for name, one in constants.items()}
        metrics: dict[str, NDArray[np.float64]] = {}
        if by_layers:
            seen = {name: seen_directions(file, constant) for name, constant in constants.items()}
            metrics = {name: metric for name, metric in seen.items() if metric is not None}
        matrices = {name: value.reshape(len(value), -1) for name, value in self._floats.items()}
        weights = {
            name: np.asarray(counts, np.float64)
            for name, matrix in matrices.items()
            if counts is not None and len(counts) == len(matrix)
        }
        self._scores = None
        if inputs is not None:
            self._scores = FileScores(file, constants, inputs, weights)
            metrics |= self._scores.metrics
        super().__init__(
            matrices,
            weights,
            ranked=ranked_rows,
            metrics=metrics,
            row_metrics=None if self._scores is None else self._scores.row_metrics,
            size_of=lambda name, table: shipped_bytes(table, target, reads[name], decoder=decoder),
            kept_long={name for name in scored if not self._may_shrink(name, found[name])},
        )
        is_tied = any(self._may_shrink(name, found[name]) for name in scored)
        self.start = SCORED_START if is_tied else START

    @property
    def fitted(self) -> frozenset[str]:
        """Names of the tables to whose rows the biases of scores are fitted."""
        return frozenset() if self._scores is None else self._scores.fitted

    def _may_shrink(self, name: str, table: FloatTable) -> bool:
        """Of a table that scores are taken against: shorter rows have lower scores.

        Biases make up for that, but where no rows are read nothing is gained by it.
        """
        return name in self.fitted and bool(table.rows)

    @property
    def most_rows(self) -> int:
        """Of the table that has the most."""
        return max(map(len, self._floats.values()))

    def content(self, coded: Mapping[str, TransformedTable]) -> bytes:
        """The file with float32 tables, some of them as they are once coded."""
        values = {
            name: coded[name].dequantize() if name in coded else value
            for name, value in self._floats.items()
        }
        for name, constant in self._constants.items():
            write_floats(self._file, constant, values[name])
        if self._scores is not None:
            if coded:
                self._scores.fit_biases(values)
            else:
                self._scores.put_back()
        return self._file.to_bytes()

    def stored(self, coded: Mapping[str, TransformedTable]) -> bytes:
        """The file with coded tables, not packed yet."""
        return store_coded(read(self.content(coded)), self._constants, coded)
