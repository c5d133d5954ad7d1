"""`tfcompress train --from RUN --quantize`: a run trained on with rounded tables."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfcompress.errors import ConfigError
from tfcompress.memory import keep_freed_memory
from tfcompress_cli import console
from tfcompress_cli.budget import parse_bytes
from tfcompress_cli.training_progress import QUALITY_NAMES, showing

if TYPE_CHECKING:
    from collections.abc import Collection

    from tfcompress.search.run.fine_tune import Coarseness
    from tfcompress_cli.console import Backend

OPTIONS = frozenset(
    {"data", "out", "source", "quantize", "epochs", "learning_rate", "seed", "backend"}
)
"""What may be said of a fine-tuning; all else is as it was in the run it goes on from."""


def check_options(given: Collection[str], quantize: str | None) -> None:
    """Raises `ConfigError` for options that mean nothing beside --from, and where one is missing.

    Args:
        given: collection of str. Parameters that the command line sets.
        quantize: str or None.
    """
    if quantize is None:
        raise ConfigError(
            "--from: needs --quantize, such as 100x or 60KB; without it train DATA anew"
        )
    if "resume" in given:
        raise ConfigError("--resume: a fine-tuning keeps no checkpoints; start it again without")
    for name in given:
        if name not in OPTIONS:
            raise ConfigError(
                f"--{name.replace('_', '-')}: a fine-tuning takes it from the run it goes on "
                "from; leave it out"
            )


def fine_tune(
    source: Path,
    out: Path,
    quantize: str,
    *,
    backend: Backend,
    data: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Trains on with a progress bar; returns the content of metrics.json."""
    keep_freed_memory()
    with console.err.status("Loading Keras, the run and the data"):
        console.use_backend(backend)
        from tfcompress.search.run.fine_tune import fine_tune as fine_tune_run
        from tfcompress.training.run import Run

        coarseness = parse(quantize)
    console.download(data or Run(source).config().data.source)
    with showing() as shown:
        metrics = fine_tune_run(
            Run(source),
            Run(out),
            coarseness,
            data=data,
            on_batch=shown.batch,
            on_epoch=shown.epoch,
            **options,
        )
    tuned, watched = metrics["fine_tuning"], metrics["watched"]
    quality, before = metrics["valid"][watched], tuned["started_from"]["validation"]
    change = f" ({quality / before - 1:+.2%} against {source})" if before else ""
    if not tuned["helps"]:
        console.say(f"{out}: training made it worse, so the tables are as coded without")
    else:
        how = f"with dropout {tuned['dropout']:g}" if tuned["dropout"] else "without dropout"
        console.remark(f"kept: what was trained {how}")
    console.say(
        f"{out}: tables of {tuned['table_bytes']:,} bytes, "
        f"{tuned['float_bytes'] / tuned['table_bytes']:.1f}x smaller than "
        f"{tuned['float_bytes']:,}, validation {QUALITY_NAMES[watched]} {quality:.4f}{change}"
    )
    return metrics


def parse(text: str) -> Coarseness:
    """From `85x` (times smaller than float32), `60KB`, or the file that `convert --curve` wrote."""
    from tfcompress.search.run.fine_tune import Coarseness

    if text.endswith(".json"):
        return Coarseness(settings=_chosen(Path(text)))
    if (found := re.fullmatch(r"([0-9.]+)x", text)) is not None:
        try:
            return Coarseness(times_smaller=float(found[1]))
        except ValueError:
            pass
    else:
        try:
            return Coarseness(max_bytes=parse_bytes(text))
        except ConfigError:
            pass
    raise ConfigError(
        f"--quantize: got {text!r}, expected such as 85x, 60KB, or the file of convert --curve"
    )


def _chosen(path: Path) -> Any:
    """The settings that the search of a curve chose."""
    from tfcompress.search.settings import Settings

    try:
        chosen = json.loads(path.read_text())["chosen"]
        return Settings(**{name: chosen[name] for name in Settings.__dataclass_fields__})
    except FileNotFoundError:
        raise ConfigError(f"--quantize: {path}: no such file") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"--quantize: {path}: not written by convert --curve ({error!r})"
        ) from None
