"""Everything a training run depends on, validated, and stored as config.json in the run."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tfcompress.choices import BadRows, Loss, Model
from tfcompress.validation import validated

Positive = Annotated[int, Field(ge=1)]

# What each kind of model has no use for; `data.` stands for the fields of DataConfig.
_FOREIGN = {
    "sequence-ranker": ("data.max_words", "data.bigram_buckets"),
    "text-classifier": (
        *("tie", "history_length", "loss", "num_negatives"),
        *("data.user_column", "data.item_column", "data.time_column"),
    ),
}
# Written out, so that a run says what it was made with whatever later versions choose.
_TEXT_OPTIONS = {"max_words": 64, "bigram_buckets": 1 << 14}


class DataConfig(BaseModel):
    """Where the data are and how to read them; see `tfcompress.data.load` and `load_texts`.

    What only one of the two takes is None for the other.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    source: str
    format: str | None = None
    user_column: str | None = None
    item_column: str | None = None
    time_column: str | None = None
    min_count: Positive = 1
    max_items: Positive | None = None
    bad_rows: BadRows = "error"
    max_words: Positive | None = None
    bigram_buckets: Annotated[int, Field(ge=0, le=1 << 24)] | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of the function that loads them."""
        return self.model_dump(exclude={"source"}, exclude_none=True)


class FineTuning(BaseModel):
    """What a training goes on from, its tables rounded all the while.

    Attributes:
        run: str. The run directory.
        model_sha256: str. Of its model.keras.
        max_bytes: float. What the coded tables may take.
        row_step_exponent: float. As all of what follows, a setting of
            `tfcompress.search.Settings`.
        rate_weight: float.
        rotation: bool.
        rare_shrinkage: float.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    run: str
    model_sha256: str
    max_bytes: Annotated[float, Field(gt=0)]
    row_step_exponent: float
    rate_weight: float
    rotation: bool
    rare_shrinkage: float


class TrainConfig(BaseModel):
    """One training run.

    Attributes:
        data: DataConfig.
        model: str. "sequence-ranker" or "text-classifier".
        embedding: str. A name of `tfcompress.layers.NAMES`.
        ratio: float. n x D of the full table over the parameters of the layer; 16, or 1 for `full`.
        dim: int. D, width of an embedding (and of the vector of a user).
        tie: bool. Ranker: whether scores are taken against the input embedding itself.
        history_length: int. Ranker: L, items of history the model reads.
        hidden_units: tuple of int. Hidden layers of the tower.
        dropout: float.
        loss: str. Ranker: "full" softmax, "sampled" softmax, or "auto": full up to 2,000 items.
        num_negatives: int. Ranker: negatives a batch shares under sampled softmax.
        epochs: int. Upper bound; early stopping may end sooner.
        patience: int. Epochs without a better validation (nDCG@10, accuracy) before training goes
            back to its best weights and on at the lower rate, and then before it stops.
        batch_size: int.
        learning_rate: float. Of Adam.
        rate_drop: float. The lower learning rate over the first; 1 to stop instead.
        seed: int.
        fine_tuning: FineTuning or None. The run it goes on from with rounded tables; None starts
            with fresh weights.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    data: DataConfig
    model: Model = "sequence-ranker"
    embedding: str = "memcom"
    ratio: Annotated[float, Field(ge=1)] = 16.0
    dim: Positive = 64
    tie: bool = False
    history_length: Positive = 50
    hidden_units: tuple[Positive, ...] = (128,)
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    loss: Loss = "auto"
    num_negatives: Positive = 1024
    epochs: Positive = 30
    patience: Positive = 3
    batch_size: Positive = 512
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    rate_drop: Annotated[float, Field(gt=0, le=1)] = 0.25
    seed: Annotated[int, Field(ge=0)] = 0
    fine_tuning: FineTuning | None = None

    @model_validator(mode="before")
    @classmethod
    def _full_table_has_ratio_one(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values.get("embedding") != "full":
            return values
        if values.get("ratio", 1) != 1:
            raise ValueError("the full table has ratio 1; leave it out or choose another embedding")
        return values | {"ratio": 1.0}

    @model_validator(mode="before")
    @classmethod
    def _texts_have_options(cls, values: dict[str, Any]) -> dict[str, Any]:
        data = values.get("data")
        if values.get("model") != "text-classifier" or not isinstance(data, dict):
            return values
        given = {key: value for key, value in data.items() if value is not None}
        return values | {"data": _TEXT_OPTIONS | given}

    @model_validator(mode="after")
    def _nothing_is_foreign(self) -> Self:
        for name in _FOREIGN[self.model]:
            part = self.data if name.startswith("data.") else self
            field = name.removeprefix("data.")
            if getattr(part, field) != type(part).model_fields[field].default:
                raise ValueError(f"{field} means nothing for a {self.model}; leave it out")
        return self

    @property
    def lower_rate(self) -> float:
        """The learning rate that a training ends with, for what goes on from its weights.

        A training that had no lower rate is taken to have had the usual one.
        """
        usual = float(type(self).model_fields["rate_drop"].default)
        return self.learning_rate * (self.rate_drop if self.rate_drop < 1 else usual)

    @classmethod
    def parse(cls, values: dict[str, Any]) -> "TrainConfig":
        """Validates `values`; raises `ConfigError` naming the first wrong field in one line."""
        return validated(cls, values)

    def first_difference(self, earlier: "TrainConfig") -> str | None:
        """The first field that a resumed training may not change but does; None if none does.

        The number of epochs may change, and the data may lie elsewhere (their hash tells).
        """
        for name in type(self).model_fields:
            mine, other = getattr(self, name), getattr(earlier, name)
            if name == "data":
                mine, other = mine.options, other.options
            if name != "epochs" and mine != other:
                return name
        return None
