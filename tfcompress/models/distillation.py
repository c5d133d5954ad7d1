"""Trainers that bring a model's outputs to those of a teacher, with no use for labels.

The loss is the cross entropy of the student's probabilities under the teacher's. A model that was
trained until validation got no better overfits when it is trained on with its labels; a teacher's
answers say more, and are the ones that were wanted. Whether the student drops out as it learns
depends on the data: dropout keeps it from what the teacher knows by heart, and from coming quite as
near to the rest.

Reference:
    Hinton, Vinyals and Dean 2015, "Distilling the knowledge in a neural network", section 2, at
    temperature 1; for models with rounded weights: Polino, Pascanu and Alistarh 2018, "Model
    compression via distillation and quantization", section 3.
"""

from typing import Any

import keras
from keras import ops

from tfcompress.models.sequence_ranker import RankerTrainer, weighted_mean


@keras.saving.register_keras_serializable(package="tfcompress")
class RankerDistiller(RankerTrainer):
    """Trains a sequence ranker on the answers of another one.

    Answers are those of the softmax that `RankerTrainer` trains: over all items, or over the next
    item of the batch's row and the negatives of the batch.

    Args:
        ranker: keras.Model from `build_sequence_ranker`.
        teacher: keras.Model. Another one on the same items; it is frozen.
        drops: bool. Whether layers of dropout act on the student.
    """

    def __init__(
        self, ranker: keras.Model, teacher: keras.Model, *, drops: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(ranker, **kwargs)
        self._drops = drops
        self.teacher = RankerTrainer(teacher)
        self.teacher.trainable = False
        self.teacher.built = True  # Its parts are, and Keras warns of what is not.

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """The user vectors, float `(batch, dim)`."""
        return super().call(inputs, training=training and self._drops)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Mean cross entropy under the teacher's answers, plus regularisers."""
        del training
        wanted = self.teacher.logits(self.teacher(x, training=False), y, x)
        loss = weighted_mean(_cross_entropy(wanted, self.logits(y_pred, y, x)), sample_weight)
        return sum(self.losses, start=loss)


@keras.saving.register_keras_serializable(package="tfcompress")
class ClassifierDistiller(keras.Model):
    """Trains a classifier on the answers of another one.

    Args:
        classifier: keras.Model. Its output "scores" are logits.
        teacher: keras.Model. Another one of the same classes; it is frozen.
        drops: bool. Whether layers of dropout act on the student.
    """

    def __init__(
        self, classifier: keras.Model, teacher: keras.Model, *, drops: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._drops = drops
        self.classifier, self.teacher = classifier, teacher
        self.teacher.trainable = False

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The logits, float `(batch, classes)`."""
        return self.classifier(inputs, training=training and self._drops)["scores"]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Mean cross entropy under the teacher's answers, plus regularisers."""
        del y, training
        wanted = self.teacher(x, training=False)["scores"]
        loss = weighted_mean(_cross_entropy(wanted, y_pred), sample_weight)
        return sum(self.losses, start=loss)


def _cross_entropy(wanted: Any, own: Any) -> Any:
    """`(batch,)`, of logits `own` under the probabilities of `wanted`, both `(batch, answers)`."""
    return -ops.sum(ops.softmax(wanted, axis=-1) * ops.log_softmax(own, axis=-1), axis=-1)
