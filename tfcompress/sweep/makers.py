"""From a training to the file of an artefact, by method.

A further kind of file is one more function here, its settings in `Artefact` and its axis in `Grid`.
"""

from collections.abc import Callable

from tfcompress.peers import PEERS, convert_peer
from tfcompress.sweep.artefact import OURS, SEARCH, Artefact
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


def _searched(artefact: Artefact, run: Run) -> bytes:
    from tfcompress import tflite
    from tfcompress.search import Budget
    from tfcompress.search.run.quality import RunQuality
    from tfcompress.search.run.search import search_run

    model, target = run.model(), artefact.target or "builtin"
    # The data may lie elsewhere than when a run that is used again was made.
    measured = RunQuality(run, model, artefact.training.config.data.source)
    budget = Budget(max_loss=artefact.max_loss, max_bytes=artefact.max_bytes)
    dense_dtype = artefact.dense_dtype or "float32"
    found = search_run(
        model,
        budget,
        measured,
        target=target,
        code_output=bool(artefact.code_output),
        dense_dtype=dense_dtype,
    )
    return tflite.convert(
        model,
        table_dtype="int8",  # of what is not coded: too narrow, or no lookup
        transformed=found.tables,
        dense_dtype=dense_dtype,
        codec="auto",
        target=target,
        metadata=run.tflite_metadata(),
    )


def _peer(artefact: Artefact, run: Run) -> bytes:
    return convert_peer(artefact.method, run.model(), run.tflite_metadata())


_MAKERS: dict[str, Callable[[Artefact, Run], bytes]] = {
    OURS: _ours,
    SEARCH: _searched,
    **dict.fromkeys(PEERS, _peer),
}
