"""The artefacts that a grid stands for.

Every combination of the axes is one. What differs in nothing but the way to the file shares one
training. Combinations that cannot be are left out, and said.
"""

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tfcompress.choices import Codec, Target
from tfcompress.errors import ConfigError
from tfcompress.peers import EMBEDDINGS, PEERS
from tfcompress.sweep.artefact import OURS, PLAIN, SEARCH, Artefact, Training
from tfcompress.sweep.grid import Grid
from tfcompress.training.config import TrainConfig

_TIED_BUILTIN = (
    "method: 'search' needs target 'delegate' for tied tables; 'builtin' leaves them int8"
)
_OUTPUT_BUILTIN = "code_output: needs target 'delegate'; 'builtin' takes no scores from it"


@dataclass(frozen=True)
class Plan:
    """What a grid comes to.

    Attributes:
        artefacts: tuple of Artefact, each once; those of one training stand together.
        left_out: dict str -> int. Why combinations were left out, and how many.
    """

    artefacts: tuple[Artefact, ...]
    left_out: dict[str, int]

    @property
    def num_trainings(self) -> int:
        """Different trainings."""
        return len({artefact.training.key for artefact in self.artefacts})


def expand(grid: Grid) -> Plan:
    """The artefacts of a grid.

    Raises:
        ConfigError: no combination is possible.
    """
    artefacts: dict[str, Artefact] = {}
    left_out: dict[str, int] = {}
    trainings: dict[str, Training] = {}
    for values in _training_values(grid):
        try:
            training = Training(config=TrainConfig.parse(values), backend=grid.backend)
        except ConfigError as error:
            left_out[str(error)] = left_out.get(str(error), 0) + 1
        else:
            trainings.setdefault(training.key, training)
    for training in trainings.values():
        for artefact in _files(grid, training, left_out):
            artefacts.setdefault(artefact.key, artefact)
    if not artefacts:
        reasons = list(left_out) or ["no method asked for can be used with these embeddings"]
        raise ConfigError(f"nothing to run: {reasons[0]}")
    return Plan(tuple(artefacts.values()), left_out)


def _training_values(grid: Grid) -> Iterator[dict[str, Any]]:
    for entry in grid.data:
        axes: dict[str, list[Any]] = {
            "model": entry.model or grid.model,
            "embedding": grid.embedding,
            "ratio": grid.ratio,
            "tie": grid.tie,
            "seed": grid.seed,
            "learning_rate": entry.learning_rate or grid.learning_rate,
        }
        for cell in itertools.product(*axes.values()):
            values: dict[str, Any] = dict(zip(axes, cell, strict=True))
            if values["embedding"] == "full":
                del values["ratio"]
            common = {**grid.training, **entry.training}
            yield {"data": entry.data_config(), **common, **values}


def _files(grid: Grid, training: Training, left_out: dict[str, int]) -> Iterator[Artefact]:
    """The ways from a training to a file."""
    embedding = training.config.embedding
    make = functools.partial(Artefact, training=training, measured=grid.measure)
    for method in grid.method:
        if method in PEERS and embedding in PEERS[method].embeddings:
            yield make(method=method)
    if SEARCH in grid.method:
        yield from _searches(grid, training, left_out)
    if OURS not in grid.method:
        return
    axes = (grid.table_dtype, grid.granularity, grid.dense_dtype, grid.codec, grid.target)
    for table_dtype, granularity, dense_dtype, codec, target in itertools.product(*axes):
        if codec != "none" and (reason := _why_not(codec, target)):
            left_out[reason] = left_out.get(reason, 0) + 1
            continue
        plain = table_dtype == dense_dtype == "float32" and codec == "none"
        if plain and embedding in EMBEDDINGS:
            yield make(method=PLAIN)  # The same file under one name.
            continue
        yield make(
            table_dtype=table_dtype,
            granularity=granularity if table_dtype.startswith("int") else None,
            dense_dtype=dense_dtype,
            codec=None if codec == "none" else codec,
            target=None if codec == "none" else target,
        )


def _searches(grid: Grid, training: Training, left_out: dict[str, int]) -> Iterator[Artefact]:
    tied = training.config.tie
    budgets = len(grid.max_loss) + len(grid.max_bytes)
    # No output matrix of its own has a tied model, nor a classifier one that is worth it.
    has_output = not tied and training.config.model == "sequence-ranker"
    outputs = grid.code_output if has_output else [False]
    for dense_dtype, target, output in itertools.product(grid.dense_dtype, grid.target, outputs):
        reason = _TIED_BUILTIN if tied else _OUTPUT_BUILTIN
        if target == "builtin" and (tied or output) and budgets:
            left_out[reason] = left_out.get(reason, 0) + budgets
            continue
        search = functools.partial(
            Artefact,
            training=training,
            measured=grid.measure,
            method=SEARCH,
            dense_dtype=dense_dtype,
            codec="auto",
            target=target,
            code_output=output or None,
        )
        yield from (search(max_loss=loss) for loss in grid.max_loss)
        yield from (search(max_bytes=size) for size in grid.max_bytes)


def _why_not(codec: Codec, target: Target) -> str | None:
    from tfcompress.tflite.packing.options import check_options

    try:
        check_options(codec, target)
    except ConfigError as error:
        return str(error)
    return None
