"""The settings of a sweep: what a person writes, checked.

A setting that is a list is an axis: every combination becomes an artefact, see `plan`.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from tfcompress.backend import Backend
from tfcompress.choices import Codec, DenseDtype, GranularityName, Model, TableDtype, Target
from tfcompress.errors import ConfigError
from tfcompress.peers import PEERS
from tfcompress.sweep.artefact import OURS, SEARCH, Measured
from tfcompress.training.config import DataConfig, TrainConfig
from tfcompress.validation import unknown_name, validated

Embedding = Literal[
    "full",
    "truncated",
    "hash",
    "double-hash",
    "qr",
    "memcom",
    "memcom-bias",
    "huffman",
    "tensor-train",
    "fpd",
    "low-rank",
    "tiered",
    "mixed-width",
]
"""`tfcompress.layers.NAMES`, which would import Keras; a test holds them equal."""

METHODS = (OURS, SEARCH, *PEERS)


def _known_method(name: str) -> str:
    if name not in METHODS:
        raise ValueError(f"there are {', '.join(METHODS)}")
    return name


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _source_alone(value: Any) -> Any:
    return {"source": value} if isinstance(value, str) else value


_Listed = BeforeValidator(_as_list)
_Filled = Field(min_length=1)
_Rate = Annotated[float, Field(gt=0)]


class DataEntry(DataConfig):
    """One data set: how to read it, and what is best for it.

    Attributes:
        model: list of str or None. None: those of the grid.
        learning_rate: list of float or None. None: those of the grid.
        training: dict. Over those of the grid.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    model: Annotated[list[Model], _Listed, _Filled] | None = None
    learning_rate: Annotated[list[_Rate], _Listed, _Filled] | None = None
    training: dict[str, Any] = Field(default_factory=dict)

    def data_config(self) -> dict[str, Any]:
        """The fields of DataConfig."""
        return self.model_dump(include=set(DataConfig.model_fields))


class Grid(BaseModel):
    """What a sweep runs over. Each of the lists may be given as a single value.

    Attributes:
        data: list of str or DataEntry.
        model: list of str.
        method: list of str. "ours", "search" and names of peers; all of them unless said otherwise.
        embedding: list of str. Names of `tfcompress.layers.NAMES`.
        ratio: list of float. Of every embedding but the full one.
        tie: list of bool.
        seed: list of int.
        learning_rate: list of float. The report takes the one that validates best.
        table_dtype: list of str. Ours, as the next ones.
        granularity: list of str.
        dense_dtype: list of str.
        codec: list of str.
        target: list of str.
        max_loss: list of float. Of "search", as the next one; none of it where both are empty.
        max_bytes: list of int.
        code_output: list of bool. Of "search" with target "delegate": whether an untied output
            matrix is coded, too. Tied models and classifiers are searched once.
        backend: str. Of Keras, for the trainings.
        training: dict. Other fields of TrainConfig: epochs, dim, history_length, ...
        measure: Measured.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    data: Annotated[list[Annotated[DataEntry, BeforeValidator(_source_alone)]], _Listed, _Filled]
    model: Annotated[list[Model], _Listed, _Filled] = ["sequence-ranker"]
    method: Annotated[list[Annotated[str, AfterValidator(_known_method)]], _Listed, _Filled] = list(
        METHODS
    )
    embedding: Annotated[list[Embedding], _Listed, _Filled] = ["full", "memcom"]
    ratio: Annotated[list[Annotated[float, Field(ge=1)]], _Listed, _Filled] = [16.0]
    tie: Annotated[list[bool], _Listed, _Filled] = [False]
    seed: Annotated[list[Annotated[int, Field(ge=0)]], _Listed, _Filled] = [0]
    learning_rate: Annotated[list[_Rate], _Listed, _Filled] = [2e-3]
    table_dtype: Annotated[list[TableDtype], _Listed, _Filled] = ["float32", "int8", "int4"]
    granularity: Annotated[list[GranularityName], _Listed, _Filled] = ["per-row"]
    dense_dtype: Annotated[list[DenseDtype], _Listed, _Filled] = ["float32"]
    codec: Annotated[list[Codec], _Listed, _Filled] = ["none"]
    target: Annotated[list[Target], _Listed, _Filled] = ["builtin"]
    max_loss: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], _Listed] = []
    max_bytes: Annotated[list[Annotated[int, Field(ge=1)]], _Listed] = []
    code_output: Annotated[list[bool], _Listed, _Filled] = [False]
    backend: Backend = "tensorflow"
    training: dict[str, Any] = Field(default_factory=dict)
    measure: Measured = Measured()

    @classmethod
    def parse(cls, values: dict[str, Any]) -> "Grid":
        """Validates `values`; raises `ConfigError` naming the first wrong key in one line."""
        grid = validated(cls, values)
        if grid.method == [SEARCH] and not (grid.max_loss or grid.max_bytes):
            raise ConfigError(f"method: {SEARCH!r} needs max_loss or max_bytes")
        _check_training(grid.training, "training")
        for entry in grid.data:
            _check_training(entry.training, f"data {entry.source}: training")
        return grid


def read_toml(path: Path) -> dict[str, Any]:
    """The keys of a settings file.

    Raises:
        ConfigError: it is not there, or no TOML; the line is named.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is no TOML file: {error}") from None


def _check_training(values: dict[str, Any], where: str) -> None:
    """Raises `ConfigError` for a key that no training has or that is an axis, or a wrong value."""
    axes = {"data", *Grid.model_fields} & {*TrainConfig.model_fields}
    known = [name for name in TrainConfig.model_fields if name not in axes]
    for name in values:
        if name in axes:
            raise ConfigError(f"{where}: {name} is an axis; give it beside [training], as a list")
        if name not in known:
            raise ConfigError(f"{where}: {unknown_name(name, known)}")
    try:
        # What does not go with a kind of model is a matter of the combination, see `plan`.
        TrainConfig.parse({"data": {"source": where}, **values})
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
