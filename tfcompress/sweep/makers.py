"""From a training to the file of an artefact, by method.

A further kind of file is one more function here, its settings in `Artefact` and its axis in `Grid`.
"""

from collections.abc import Callable

from tfcompress.peers import PEERS, convert_peer
from tfcompress.sweep.artefact import OURS, Artefact
from tfcompress.training.run import Run


def make_file(artefact: Artefact, run: Run) -> bytes:
    """The .tflite of an artefact.

    Args:
        artefact: Artefact.
        run: Run. Its training, finished.

    Raises:
        ConfigError: the settings do not fit the model.
        ModelError: the model cannot be converted.
    """
    return _MAKERS[artefact.method](artefact, run)


def _ours(artefact: Artefact, run: Run) -> bytes:
    from tfcompress import tflite

    return tflite.convert(
        run.model(),
        table_dtype=artefact.table_dtype or "float32",
        granularity="per_table" if artefact.granularity == "per-table" else "per_row",
        dense_dtype=artefact.dense_dtype or "float32",
        codec=artefact.codec or "none",
        target=artefact.target or "builtin",
        metadata=run.tflite_metadata(),
    )


def _peer(artefact: Artefact, run: Run) -> bytes:
    return convert_peer(artefact.method, run.model(), run.tflite_metadata())


_MAKERS: dict[str, Callable[[Artefact, Run], bytes]] = {OURS: _ours, **dict.fromkeys(PEERS, _peer)}
