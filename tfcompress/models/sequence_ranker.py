"""The `sequence-ranker`: the last L items of a user in, a score for every item out.

ids (batch, L) -> embedding -> concat(masked mean, last) -> dense tower -> user vector ->
scores (batch, n) = user vector . item vectors + item bias.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tfcompress.errors import ConfigError
from tfcompress.models.pooling import ItemBias, MeanLastPooling
from tfcompress.models.tower import tower
from tfcompress.vocabulary import FIRST_ID

ITEMS = "item_embedding"
OUTPUT = "output_items"
BIAS = "item_bias"
USER = "user_vector"


def build_sequence_ranker(
    embedding: keras.layers.Layer,
    *,
    history_length: int,
    hidden_units: Sequence[int] = (128,),
    output: keras.layers.Layer | None = None,
    dropout: float = 0.0,
) -> keras.Model:
    """A ranker around one embedding layer.

    Args:
        embedding: Layer. Maps ids `(batch, L)` to vectors `(batch, L, D)`.
        history_length: int. L; shorter histories are padded with 0 on the left.
        hidden_units: sequence of int. Widths of the hidden layers of the tower.
        output: Layer or None. The item vectors that scores are taken against, called with
            `reverse=True`. None ties the output to `embedding`, and the model then holds no second
            n x D matrix.
        dropout: float in [0, 1). On the pooled history and after each hidden layer.

    Returns:
        keras.Model with the input `ids` int32 `(batch, L)` and the output `scores` float32
        `(batch, n)`, n the input_dim of the output layer.

    Raises:
        ConfigError: an argument is out of its range.

    Reference:
        Covington et al. 2016, "Deep neural networks for YouTube recommendations", section 3 (a
        pooled watch history through a tower), with the last item beside the mean.
    """
    if history_length < 1:
        raise ConfigError(f"history_length is {history_length}; give at least 1")
    items = embedding if output is None else output
    ids = keras.Input((history_length,), dtype="int32", name="ids")
    pooled = MeanLastPooling(name="pooling")(embedding(ids), ids)
    hidden = tower(pooled, hidden_units, dropout)
    user = keras.layers.Dense(items.output_dim, name=USER)(hidden)
    scores = ItemBias(name=BIAS)(items(user, reverse=True))
    return keras.Model(ids, {"scores": scores}, name="sequence_ranker")


@keras.saving.register_keras_serializable(package="tfcompress")
class RankerTrainer(keras.Model):
    """Trains a sequence ranker with full or sampled softmax.

    The trainer shares its weights with the ranker. Negatives come with the batch, drawn on the
    host, so that both backends see the same ones and a resumed run draws what an uninterrupted one
    draws, with no random state to keep.

    Args:
        ranker: keras.Model from `build_sequence_ranker`.

    Call arguments (one dict):
        ids: int32 `(batch, L)`.
        negatives: int32 `(num_negatives,)`, optional; without it the softmax is over all items.
        negative_log_q: float32 `(num_negatives,)`, with `negatives`: log probability of drawing
            each of them.
        target_log_q: float32 `(batch,)`, with `negatives`: the same of the next items.

    Reference:
        Sampled softmax with the correction by log Q: Bengio and Senecal 2008; Yi et al. 2019,
        "Sampling-bias-corrected neural modeling for large corpus item recommendations".
    """

    def __init__(self, ranker: keras.Model, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ranker = ranker
        self.user_encoder = keras.Model(ranker.inputs[0], ranker.get_layer(USER).output)
        self.bias_layer = ranker.get_layer(BIAS)
        self.items = self.bias_layer.scorer

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """The user vectors, float `(batch, dim)`."""
        return self.user_encoder(inputs["ids"], training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Mean cross entropy of the next items `y`, int32 `(batch,)`, plus regularisers.

        Those of `sample_weight` `(batch,)` are weighted and divided by the batch, as Keras does.
        """
        del training
        softmax = self._sampled_softmax if "negatives" in x else self._full_softmax
        loss = weighted_mean(softmax(y_pred, y, x), sample_weight)
        return sum(self.losses, start=loss)

    def logits(self, user: Any, targets: Any, x: dict[str, Any]) -> Any:
        """Logits of what the softmax is over, float `(batch, answers)`.

        All items, or with `negatives` the next item of each row and then the negatives.
        """
        if "negatives" in x:
            return self._sampled_logits(user, targets, x)[1]
        return self._all_logits(user)

    def _full_softmax(self, user: Any, targets: Any, x: dict[str, Any]) -> Any:
        del x
        return keras.losses.sparse_categorical_crossentropy(
            targets - FIRST_ID, self._all_logits(user), from_logits=True
        )

    def _all_logits(self, user: Any) -> Any:
        # Ids below FIRST_ID are never an answer.
        return self.bias_layer(self.items(user, reverse=True))[:, FIRST_ID:]

    def _sampled_softmax(self, user: Any, targets: Any, x: dict[str, Any]) -> Any:
        positive, logits = self._sampled_logits(user, targets, x)
        return ops.logsumexp(logits, axis=-1) - positive

    def _sampled_logits(self, user: Any, targets: Any, x: dict[str, Any]) -> tuple[Any, Any]:
        """Those of the next items, `(batch,)`, and all of them."""
        negatives, bias = x["negatives"], self.bias_layer.bias
        positive = ops.sum(user * self.items(targets), axis=-1)  # (batch,)
        positive = positive + ops.take(bias, targets) - x["target_log_q"]
        negative = ops.matmul(user, ops.transpose(self.items(negatives)))
        negative = negative + ops.take(bias, negatives) - x["negative_log_q"]
        # A negative that is the target would be pushed down and up at once.
        hit = ops.equal(negatives[None, :], targets[:, None])
        negative = ops.where(hit, -1e9, negative)  # (batch, num_negatives)
        return positive, ops.concatenate([positive[:, None], negative], axis=-1)


def weighted_mean(losses: Any, sample_weight: Any = None) -> Any:
    """Of `losses` `(batch,)`, each times its weight where there are some."""
    if sample_weight is not None:
        losses = losses * ops.cast(sample_weight, losses.dtype)
    return ops.mean(losses)
