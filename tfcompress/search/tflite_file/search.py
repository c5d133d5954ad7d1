"""A .tflite in, the same with its tables in the fewest bytes out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.rate_distortion import TransformedTable
from tfcompress.search.budget import Budget, check_code_output, check_measured, check_search_codec
from tfcompress.search.coded_together import probe_rows
from tfcompress.search.divergence import answers_moved
from tfcompress.search.examined import examined
from tfcompress.search.settings import Coded
from tfcompress.search.tflite_file.runs import file_outputs
from tfcompress.search.tflite_file.tables import FileTables
from tfcompress.search.within_budget import Found, Tell, found, search_within
from tfcompress.tflite.graph.file_bytes import file_bytes
from tfcompress.tflite.packing.lookups import LeftConstant
from tfcompress.tflite.packing.options import check_options
from tfcompress.tflite.packing.pack import Packing, pack_model


@dataclass(frozen=True)
class LossyPacking:
    """A file whose tables are coded with loss and packed, and how that was found.

    Attributes:
        packing: Packing. The file, and what became of its constants.
        found: Found.
        left: tuple of LeftConstant. Constants that were not coded with loss, and why; the largest
            first. Some of them may be packed without.
        counted: tuple of str. Names of the tables whose rows were weighted by the counts given.
    """

    packing: Packing
    found: Found
    left: tuple[LeftConstant, ...]
    counted: tuple[str, ...]


def pack_lossy(
    content: bytes,
    budget: Budget,
    *,
    codec: str = "auto",
    target: str = "builtin",
    decoder: str = "auto",
    counts: NDArray[np.number] | None = None,
    ranked_rows: bool = False,
    code_output: bool = False,
    examine: Callable[[bytes], Any] | None = None,
    inputs: NDArray[np.int32] | None = None,
    tell: Tell | None = None,
) -> LossyPacking:
    """Codes the tables of a .tflite within a budget and packs them.

    Every table of floats is coded, and every one of integers that stand for floats: int8 and int4
    with scales, float16. Each lookup gives the tensor it gave, of the same shape and type.

    Args:
        content: bytes. Any .tflite file.
        budget: Budget. Bytes are those of the coded tables; losses are against the file itself.
        codec: str. "auto", or what that comes to: "rate" for target "delegate", "indexed" for
            "builtin".
        target: str. As of `tflite.pack_model`, as is the next.
        decoder: str.
        counts: number array `(n,)` or None. How often each id is read; for the tables of n rows.
        ranked_rows: bool. Whether the other tables have the most frequent row first. Without either
            all rows count alike and share one step.
        code_output: bool. Whether output matrices are coded, too: weights of at least eight times
            as many rows as columns that scores are taken against and no rows are read of. For
            target "delegate".
        examine: callable or None. Quality of a file, higher is better, or a pair of that and a
            smooth companion of it; see `convert_lossy`. None goes by the SNR of the tables.
        inputs: int32 array `(examples, length)` or None. What the file is given in use; no labels.
            Several tables then share the bytes by what an error in each does to the softmax of its
            outputs, and, with `examine`, scores against coded rows get item biases that go with
            them. None takes values of all tables to matter alike.
        tell: callable or None. Receives every trial and the quality of the file as it was.

    Raises:
        ConfigError: The budget cannot be kept, there is nothing to code, or an argument cannot be
            used.
        ModelError: It is no .tflite file, or it is damaged.
    """
    check_options(codec, target, decoder)
    check_search_codec(codec, target)
    check_code_output(code_output, target)
    check_measured(budget, examine)
    content = file_bytes("content", content)
    measures = examine is not None and budget.snr_db is None
    tables = FileTables(
        content,
        counts=counts,
        ranked_rows=ranked_rows,
        by_layers=measures,
        inputs=inputs if measures else None,
        target=target,
        decoder=decoder,
        code_output=code_output,
    )
    if inputs is not None:
        probe = inputs[probe_rows(len(inputs))]

        def answers(coded: Mapping[str, TransformedTable]) -> NDArray[np.float32]:
            return file_outputs(tables.content(coded), probe, num_scores=tables.most_rows)

        exact = answers({})
        tables.share_steps(lambda coded: answers_moved(exact, answers(coded.tables)))
    reference = math.inf
    measured = None
    if examine is not None and measures:
        quality_of = examined(examine)
        reference, _ = quality_of(content)

        def measured(coded: Coded) -> tuple[float, float]:
            return quality_of(tables.content(coded.tables))

    search, chosen = search_within(
        tables, budget, measured, reference, start=tables.start, tell=tell
    )
    result = found(tables, search, chosen, reference, tuple(sorted(tables.fitted)))
    stored = tables.stored(result.tables)
    packing = pack_model(stored, codec=codec, target=target, decoder=decoder)
    return LossyPacking(packing, result, tables.left, tables.counted)
