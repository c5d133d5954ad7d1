"""The `text-classifier`: the ids of a text's words and bigrams in, a score for every class out.

ids (batch, L) -> embedding -> masked mean -> dense tower -> scores (batch, num_classes).
"""

from collections.abc import Sequence

import keras

from tfcompress.errors import ConfigError
from tfcompress.models.pooling import MeanPooling
from tfcompress.models.tower import tower

TOKENS = "token_embedding"


def build_text_classifier(
    embedding: keras.layers.Layer,
    *,
    length: int,
    num_classes: int,
    hidden_units: Sequence[int] = (128,),
    dropout: float = 0.0,
) -> keras.Model:
    """A classifier around one embedding layer.

    Args:
        embedding: Layer. Maps ids `(batch, L)` to vectors `(batch, L, D)`.
        length: int. L; shorter texts are padded with 0, on whichever side.
        num_classes: int. At least 2.
        hidden_units: sequence of int. Widths of the hidden layers of the tower; none makes it
            linear.
        dropout: float in [0, 1). On the pooled text and after each hidden layer.

    Returns:
        keras.Model with the input `ids` int32 `(batch, L)` and the output `scores` float32
        `(batch, num_classes)`: logits, of which the highest is the answer.

    Raises:
        ConfigError: an argument is out of its range.

    Reference:
        Joulin et al. 2016, "Bag of tricks for efficient text classification", section 2 (the mean
        of word and bigram vectors); a hidden layer on it: Iyyer et al. 2015, "Deep unordered
        composition rivals syntactic methods for text classification".
    """
    for name, value, least in (("length", length, 1), ("num_classes", num_classes, 2)):
        if value < least:
            raise ConfigError(f"{name} is {value}; give at least {least}")
    ids = keras.Input((length,), dtype="int32", name="ids")
    pooled = MeanPooling(name="pooling")(embedding(ids), ids)
    hidden = tower(pooled, hidden_units, dropout)
    return keras.Model(
        ids,
        {"scores": keras.layers.Dense(num_classes, name="classes")(hidden)},
        name="text_classifier",
    )
