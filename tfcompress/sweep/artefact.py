"""One cell of a sweep: a .tflite, how its model is trained, how it is made, what is measured."""

import hashlib
import json
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tfcompress.backend import Backend
from tfcompress.choices import Codec, DenseDtype, GranularityName, TableDtype, Target
from tfcompress.training.config import TrainConfig

OURS = "ours"
"""Files that `tfcompress.tflite.convert` makes with the number types and codecs named."""
SEARCH = "search"
"""Ours too: the smallest tables within a stated loss, or the best within a number of bytes."""
PLAIN = "float32"
"""The peer that ships the trained float32 tables as they are."""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Measured(_Settings):
    """What is measured besides bytes and quality.

    Attributes:
        latency: bool.
        memory: bool.
        runs: int. Timed invocations per batch size.
    """

    latency: bool = True
    memory: bool = True
    runs: Annotated[int, Field(ge=50)] = 200

    def joined(self, asked: "Measured") -> "Measured":
        """What is measured where both are."""
        return Measured(
            latency=self.latency or asked.latency,
            memory=self.memory or asked.memory,
            runs=asked.runs if asked.latency else self.runs,
        )


class Training(_Settings):
    """One training, which every artefact made of it shares.

    Attributes:
        config: TrainConfig.
        backend: str. Of Keras: weights differ in the last bits.
    """

    config: TrainConfig
    backend: Backend = "tensorflow"

    @property
    def key(self) -> str:
        """16 hexadecimal digits that stand for everything above."""
        return _digest(self)

    @property
    def name(self) -> str:
        """Of its run directory: readable, and no two trainings have the same."""
        config = self.config
        parts = [data_name(config), config.embedding, f"{config.ratio:g}x"]
        parts += ["tied"] * config.tie + [f"s{config.seed}", self.key[:8]]
        return _file_name("-".join(parts))


class Artefact(_Settings):
    """All that a row of the results depends on.

    Attributes:
        training: Training.
        method: str. "ours", "search", or a name of `tfcompress.peers.PEERS`.
        table_dtype: str or None. Ours, as the next ones: see `tfcompress.tflite.convert`. None
            where it means nothing, so that equal files have equal keys.
        granularity: str or None. With int8 and int4.
        dense_dtype: str or None.
        codec: str or None.
        target: str or None. With a codec.
        max_loss: float or None. Of a search: relative loss of quality in validation.
        max_bytes: int or None. Of a search: bytes of the tables.
        code_output: bool or None. Of a search: whether an untied output matrix is a table, too.
        measured: Measured.
    """

    training: Training
    method: str = OURS
    table_dtype: TableDtype | None = None
    granularity: GranularityName | None = None
    dense_dtype: DenseDtype | None = None
    codec: Codec | None = None
    target: Target | None = None
    max_loss: float | None = None
    max_bytes: int | None = None
    code_output: bool | None = None
    measured: Measured = Measured()

    @property
    def key(self) -> str:
        """16 hexadecimal digits that stand for everything above."""
        return _digest(self)

    @property
    def file_key(self) -> str:
        """16 hexadecimal digits that stand for the file: for all but what is measured of it."""
        return _digest(self.model_copy(update={"measured": Measured()}))

    @property
    def label(self) -> str:
        """What tells it from other files of the same data: embedding, ratio, how it was made."""
        config = self.training.config
        words = [config.embedding] + [f"{config.ratio:g}x"] * (config.ratio != 1)
        if self.method == OURS:
            granularity = self.granularity if self.granularity != "per-row" else None
            optional = (self.table_dtype, granularity, self.codec, self.target)
            words += [word for word in optional if word is not None]
        elif self.method == SEARCH:
            loss, size = self.max_loss, self.max_bytes
            words.append(f"max-loss {100 * loss:g}%" if loss is not None else f"max-bytes {size:,}")
            words += [str(self.target)] + ["output too"] * bool(self.code_output)
        else:
            words.append(self.method)
        if self.dense_dtype not in (None, "float32"):
            words.append(f"dense {self.dense_dtype}")
        return " ".join(words)

    @property
    def title(self) -> str:
        """What tells it from the other artefacts of a sweep."""
        config = self.training.config
        tied = " tied" if config.tie else ""
        return f"{data_name(config)} {self.label}{tied} seed {config.seed}"

    @property
    def file_name(self) -> str:
        """Of its .tflite: readable, and no two artefacts have the same."""
        return _file_name(f"{self.title}-{self.key[:8]}") + ".tflite"

    def to_json(self) -> dict[str, Any]:
        """All fields; `Artefact.model_validate_json` of its text brings the artefact back."""
        return self.model_dump(mode="json")


def data_name(config: TrainConfig) -> str:
    """The data as tables name them: without the folders before them."""
    return Path(config.data.source).name or config.data.source


def _digest(settings: BaseModel) -> str:
    # Without None, so that a field that a later version adds leaves the keys of old rows alone.
    content = settings.model_dump(mode="json", exclude_none=True)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text)
