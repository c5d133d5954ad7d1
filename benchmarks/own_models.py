"""Models that `tfcompress train` does not make, through `tfcompress.search.convert_lossy`.

    python benchmarks/own_models.py DATA [--models attention gru] [--max-loss 0.02] [--seed 0]
        [--target delegate] [--epochs 20] [--keep DIR]

A ranker of two blocks of causal self-attention (as SASRec) and one of a GRU (as GRU4Rec), both of
Keras' own layers, scores against the table that is read; trained here on JAX, on all positions,
with 256 drawn items a sequence, the best epoch by validation. `convert_lossy` then gets the model,
a function that gives nDCG@10 and the soft gain on validation, inputs, and counts: nothing of a run.
Shown are bytes, and nDCG@10 of the trained model and of the .tflite on both splits.

Reference:
    Kang and McAuley 2018, "Self-attentive sequential recommendation"; Hidasi et al. 2016,
    "Session-based recommendations with recurrent neural networks".
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

LENGTH, DIM, HEADS, BLOCKS, DROPOUT = 50, 64, 2, 2, 0.3
NEGATIVES, BATCH = 256, 128


def attention(vectors: Any, present: Any) -> Any:
    """Vectors of all positions, each of what stands up to there."""
    from keras import layers, ops

    places = ops.cumsum(ops.ones_like(present, dtype="int32"), axis=1) - 1
    x = vectors * DIM**0.5 + layers.Embedding(LENGTH, DIM, name="places")(places)
    x = layers.Dropout(DROPOUT)(x)
    for _ in range(BLOCKS):
        seen = layers.LayerNormalization()(x)
        seen = layers.MultiHeadAttention(HEADS, DIM // HEADS, dropout=DROPOUT)(
            seen, seen, attention_mask=present[:, None, :], use_causal_mask=True
        )
        x = x + layers.Dropout(DROPOUT)(seen)
        inner = layers.Dense(DIM, activation="relu")(layers.LayerNormalization()(x))
        x = x + layers.Dropout(DROPOUT)(layers.Dense(DIM)(inner))
    return layers.LayerNormalization()(x)


def gru(vectors: Any, present: Any) -> Any:
    """The same by a recurrent layer."""
    from keras import layers

    x = layers.Dropout(DROPOUT)(vectors)
    return layers.Dense(DIM)(layers.GRU(2 * DIM, return_sequences=True)(x, mask=present))


ENCODERS = {"attention": attention, "gru": gru}


def build(encoder: str, num_ids: int) -> tuple[Any, Any]:
    """What is trained, from a sequence, targets and drawn items; and what ships."""
    import keras
    from keras import ops

    items = keras.layers.ReversibleEmbedding(num_ids, DIM, name="items")
    ids = keras.Input((LENGTH,), dtype="int32", name="ids")
    targets = keras.Input((LENGTH,), dtype="int32", name="targets")
    drawn = keras.Input((NEGATIVES,), dtype="int32", name="drawn")
    user = ENCODERS[encoder](items(ids), ops.not_equal(ids, 0))
    right = ops.sum(user * items(targets), axis=-1, keepdims=True)
    wrong = ops.einsum("bld,bkd->blk", user, items(drawn))
    trained = keras.Model([ids, targets, drawn], ops.concatenate([right, wrong], axis=-1))
    return trained, keras.Model(ids, items(user[:, -1], reverse=True), name=encoder)


def ranked(score: Any, examples: Any) -> tuple[float, float]:
    """nDCG@10 and its smooth companion."""
    from tfcompress.ranking import evaluate

    quality = evaluate(score, examples, length=LENGTH)
    return quality.ndcg, quality.soft_gain


def train(given: argparse.Namespace, encoder: str, path: Path) -> None:
    import keras

    from tfcompress.data import load

    data = load(given.data)
    keras.utils.set_random_seed(given.seed)
    rng = np.random.default_rng(given.seed)
    trained, model = build(encoder, data.input_dim)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trained.compile(keras.optimizers.Adam(given.learning_rate), loss)
    rows = data.train.last(LENGTH + 1)
    ids, targets = rows[:, :-1], rows[:, 1:]
    best, since = 0.0, 0
    for epoch in range(given.epochs):
        started = time.perf_counter()
        for _ in range(given.passes):
            drawn = rng.integers(2, data.input_dim, (len(ids), NEGATIVES), dtype=np.int32)
            known = ((targets > 1) & (ids > 0)).astype(np.float32)
            trained.fit(
                [ids, targets, drawn], np.zeros_like(targets), BATCH, 1, 0, sample_weight=known
            )
        quality, _ = ranked(lambda batch: np.asarray(model.predict_on_batch(batch)), data.valid)
        seconds = time.perf_counter() - started
        print(f"{encoder} epoch {epoch + 1}: {quality:.4f} {seconds:.0f} s", file=sys.stderr)
        since += 1
        if quality > best:
            best, since = quality, 0
            model.save(path)
        if since >= given.patience:
            break


def compress(given: argparse.Namespace, path: Path) -> list[str]:
    import keras

    from tfcompress import search, tflite
    from tfcompress.data import load

    data, model = load(given.data), keras.saving.load_model(path)

    def examine(changed: Any) -> tuple[float, float]:
        return ranked(lambda ids: np.asarray(changed.predict_on_batch(ids)), data.valid)

    started = time.process_time()
    result = search.convert_lossy(
        model,
        search.Budget(max_loss=given.max_loss),
        examine=examine,
        inputs=data.valid.inputs(LENGTH, 4096),
        training_inputs=data.train.last(LENGTH),
        counts={"items": data.id_counts},
        answers="scores",
        target=given.target,
    )
    seconds = time.process_time() - started
    runner = tflite.open_model(result.content).get_signature_runner()

    def of_file(ids: np.ndarray) -> np.ndarray:
        (scores,) = runner(ids=ids).values()
        return scores

    def of_model(ids: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict_on_batch(ids))

    shown = []
    for examples in (data.valid, data.test):
        before, after = (ranked(score, examples)[0] for score in (of_model, of_file))
        shown.append(f"{before:.4f}, {after / before - 1:+.1%}")
    found = result.found
    return [
        path.stem,
        f"{found.float_bytes:,}",
        f"{found.chosen.nbytes:,}, {found.float_bytes / found.chosen.nbytes:.1f}x",
        f"{len(tflite.convert(model)):,}",
        f"{len(result.content):,}",
        *shown,
        f"{seconds:.0f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--models", nargs="+", default=list(ENCODERS), choices=ENCODERS)
    parser.add_argument("--max-loss", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", default="delegate")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--passes", type=int, default=1, help="over the data, an epoch")
    parser.add_argument("--patience", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=0.001)
    parser.add_argument("--keep", type=Path, help="where models are kept, and found again")
    given = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if os.environ.get("KERAS_BACKEND") == "jax":  # The process that trains: see below.
        train(given, given.models[0], given.keep / f"{given.models[0]}.keras")
        return
    os.environ["KERAS_BACKEND"] = "tensorflow"
    shown = Table(box=None, title=f"{given.data}, {given.max_loss:.1%}, seed {given.seed}")
    for heading in ("model", "table", "coded", "file", "coded", "validation", "test", "s"):
        shown.add_column(heading, justify="left" if heading == "model" else "right")
    with tempfile.TemporaryDirectory() as folder:
        keep = given.keep or Path(folder)
        keep.mkdir(parents=True, exist_ok=True)
        for name in given.models:
            path = keep / f"{name}.keras"
            if not path.exists():
                words = [*sys.argv, "--models", name, "--keep", str(keep)]
                environment = {**os.environ, "KERAS_BACKEND": "jax"}
                subprocess.run([sys.executable, *words], env=environment, check=True)
            shown.add_row(*compress(given, path))
    Console(width=140).print(shown)


if __name__ == "__main__":
    main()
