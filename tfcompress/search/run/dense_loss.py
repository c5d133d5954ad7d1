"""What coarse dense weights cost the file of a run: that counts against the loss accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfcompress.search.steady_quality import steady_examine
from tfcompress.search.tflite_file.quality import FileQuality

if TYPE_CHECKING:
    import keras

    from tfcompress.choices import DenseDtype
    from tfcompress.search.run.quality import RunQuality


def dense_loss(
    model: keras.Model, measured: RunQuality, dense_dtype: DenseDtype, *, code_output: bool = False
) -> float:
    """The relative loss of quality where nothing but the dense weights is coarser, 0 at least.

    Measured on validation data by two files, steadied as a search is where those are few.

    Args:
        model: keras.Model, on TensorFlow. As it was trained.
        measured: RunQuality. Of its run.
        dense_dtype: str. "float32", "int8" or "int4".
        code_output: bool. Whether an output matrix is coded as a table: what "int4" would make of
            it is left out then, and what it makes of the rest is nearly what "int8" does.
    """
    from tfcompress.tflite.convert import assemble
    from tfcompress.tflite.export import exported
    from tfcompress.tflite.inspect import inspect_model

    if dense_dtype == "float32":
        return 0.0
    model_parts, metadata = exported(model), measured.run.tflite_metadata()
    plain = assemble(*model_parts, metadata=metadata)
    coarse = assemble(
        *model_parts, dense_dtype="int8" if code_output else dense_dtype, metadata=metadata
    )
    files = FileQuality(inspect_model(plain), measured.dataset, measured.metric)
    trained, _ = files.examine(plain)
    if not trained:
        return 0.0
    quality, _ = steady_examine(files, plain)(coarse)
    return max(0.0, 1 - quality / trained)
