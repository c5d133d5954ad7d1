"""How the commands talk: results on stdout, progress and remarks on stderr."""

import os
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

out = Console()
err = Console(stderr=True)

Backend = Literal["tensorflow", "jax"]


def progress() -> Progress:
    """A progress bar on stderr that vanishes when it is done."""
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
    )


def use_backend(name: Backend) -> None:
    """Chooses Keras' backend and quietens TensorFlow; call before Keras is imported."""
    os.environ["KERAS_BACKEND"] = name
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("ABSL_MIN_LOG_LEVEL", "3")
