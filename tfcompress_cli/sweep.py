"""`tfcompress sweep`: a grid of trainings and files, every file measured, resumable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfcompress.errors import ConfigError
from tfcompress_cli import console, sweep_progress
from tfcompress_cli.budget import parse_bytes, parse_share
from tfcompress_cli.console import Backend

if TYPE_CHECKING:
    from tfcompress.sweep import Plan, Results

Option = typer.Option
GridPanel = "Grid (each may be given several times)"


def sweep(
    settings: Annotated[
        Path | None,
        typer.Argument(metavar="[CONFIG.toml]", help="Settings; flags go before what it says."),
    ] = None,
    out: Annotated[Path, Option(help="Folder of the sweep; an unfinished one goes on.")] = Path(
        "sweep"
    ),
    data: Annotated[
        list[str] | None, Option(help="As of tfcompress train.", rich_help_panel=GridPanel)
    ] = None,
    model: Annotated[
        list[str] | None,
        Option(help="sequence-ranker or text-classifier.", rich_help_panel=GridPanel),
    ] = None,
    method: Annotated[
        list[str] | None,
        Option(
            help="ours, search, or a peer; an unknown one lists them. Default: all.",
            rich_help_panel=GridPanel,
        ),
    ] = None,
    embedding: Annotated[
        list[str] | None, Option(help="Default: full, memcom.", rich_help_panel=GridPanel)
    ] = None,
    ratio: Annotated[
        list[float] | None,
        Option(help="Of all but the full table. Default: 16.", rich_help_panel=GridPanel),
    ] = None,
    tie: Annotated[
        list[str] | None,
        Option(help="true or false: score against the table?", rich_help_panel=GridPanel),
    ] = None,
    seed: Annotated[list[int] | None, Option(rich_help_panel=GridPanel)] = None,
    learning_rate: Annotated[
        list[float] | None,
        Option(help="The best in validation counts.", rich_help_panel=GridPanel),
    ] = None,
    table_dtype: Annotated[
        list[str] | None,
        Option(help="Ours. Default: float32, int8, int4.", rich_help_panel=GridPanel),
    ] = None,
    granularity: Annotated[
        list[str] | None, Option(help="Ours: per-row, per-table.", rich_help_panel=GridPanel)
    ] = None,
    dense_dtype: Annotated[
        list[str] | None, Option(help="Ours: float32, int8, int4.", rich_help_panel=GridPanel)
    ] = None,
    codec: Annotated[list[str] | None, Option(help="Ours.", rich_help_panel=GridPanel)] = None,
    target: Annotated[
        list[str] | None, Option(help="Ours, with a codec.", rich_help_panel=GridPanel)
    ] = None,
    max_loss: Annotated[
        list[str] | None,
        Option(help="Ours: search the smallest tables, 2% or 0.02.", rich_help_panel=GridPanel),
    ] = None,
    max_bytes: Annotated[
        list[str] | None,
        Option(
            help="Ours: search the best tables of so many bytes, 200KB or 200000.",
            rich_help_panel=GridPanel,
        ),
    ] = None,
    code_output: Annotated[
        list[str] | None,
        Option(
            help="Ours: true or false: search tables for an untied output matrix, too?",
            rich_help_panel=GridPanel,
        ),
    ] = None,
    training: Annotated[
        list[str] | None,
        Option(metavar="KEY=VALUE", help="Such as epochs=5; may be given several times."),
    ] = None,
    backend: Annotated[Backend | None, Option(help="Of Keras, for the trainings.")] = None,
    skip: Annotated[
        list[str] | None,
        Option(help="latency or memory; may be given again."),
    ] = None,
    runs: Annotated[int | None, Option(help="Timed runs, as of tfcompress measure.")] = None,
    jobs: Annotated[
        int, Option(min=1, help="Processes at once; latency is best measured with one.")
    ] = 1,
    reuse: Annotated[
        list[Path] | None,
        Option(
            help="A run of tfcompress train, or a folder of them: what fits is not trained anew."
        ),
    ] = None,
    retry_failed: Annotated[
        bool, Option("--retry-failed", help="Run what failed before once more.")
    ] = False,
    only_measure: Annotated[
        bool,
        Option("--only-measure", help="Measure what finished files lack, and make no new ones."),
    ] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Say what would run.")] = False,
) -> None:
    """Train, convert and measure every combination, ours and what people use today.

    Example: tfcompress sweep --data synthetic --embedding full --embedding qr --seed 0 --seed 1
    """
    for folder in reuse or ():
        if not folder.is_dir():
            raise ConfigError(f"--reuse {folder}: no such folder")
    for part in skip or ():
        if part not in ("latency", "memory"):
            raise ConfigError(f"--skip {part}: expected latency or memory")
    if only_measure and retry_failed:
        raise ConfigError("--only-measure: runs nothing once more; leave out --retry-failed")
    from tfcompress.sweep import Grid, expand
    from tfcompress.sweep.grid import read_toml
    from tfcompress.sweep.results import FILE

    values = read_toml(settings) if settings is not None else {}
    axes = {
        "data": data,
        "model": model,
        "method": method,
        "embedding": embedding,
        "ratio": ratio,
        "tie": _booleans(tie),
        "seed": seed,
        "learning_rate": learning_rate,
        "table_dtype": table_dtype,
        "granularity": granularity,
        "dense_dtype": dense_dtype,
        "codec": codec,
        "target": target,
        "max_loss": [parse_share(value) for value in max_loss or ()],
        "max_bytes": [int(parse_bytes(value)) for value in max_bytes or ()],
        "code_output": _booleans(code_output),
        "backend": backend,
    }
    values |= {name: value for name, value in axes.items() if value}
    measured = dict.fromkeys(skip or (), False) | ({"runs": runs} if runs is not None else {})
    for name, given in (("training", _key_values(training or [])), ("measure", measured)):
        # What is no table is for the grid to refuse.
        if given and isinstance(stated := values.get(name, {}), dict):
            values[name] = stated | given
    if "data" not in values:
        raise ConfigError("data: none given; pass --data, or a CONFIG.toml that names some")
    try:
        grid = Grid.parse(values)
    except ConfigError as error:
        raise ConfigError(f"{settings}: {error}" if settings else str(error)) from None
    plan = expand(grid)
    for reason, count in plan.left_out.items():
        console.remark(f"left out {count}: {reason}")
    if dry_run:
        _list(plan)
        return
    if only_measure and not (out / FILE).exists():
        raise ConfigError(f"--only-measure: {out}: no finished run; is it the --out of a sweep?")
    how = {"retry_failed": retry_failed, "only_measure": only_measure}
    _run(plan, out, jobs=jobs, reuse=reuse or [], **how)


def _run(
    plan: Plan,
    out: Path,
    *,
    jobs: int,
    reuse: list[Path],
    retry_failed: bool,
    only_measure: bool,
) -> None:
    from tfcompress.sweep import Results, run_sweep, still_to_run

    with Results.opened(out) as results:
        if not only_measure:
            _check_data(plan, results, retry_failed=retry_failed)
        if retry_failed:
            results.forget_failed(plan.artefacts)
        left = still_to_run(plan.artefacts, results)
        again = [artefact for artefact in left if results.of_file(artefact) is not None]
        new = [artefact for artefact in left if results.of_file(artefact) is None]
        finished = len(plan.artefacts) - len(left)
        words = [f"{len(new)} {'not made yet' if only_measure else 'to run'}"]
        words += [f"{len(again)} to measure again"] * bool(again or only_measure)
        console.remark(
            f"{_size(plan)}, {finished} of them finished; {', '.join(words)} in {out}/, "
            f"{jobs} at a time"
        )
        if only_measure:
            left, new = again, []
        with sweep_progress.watching(new, again, jobs) as watcher:
            run_sweep(left, results, jobs=jobs, earlier=reuse, watcher=watcher)
        if reuse and new:
            made = {one.training.key: results.rows.get(one.key, {}) for one in new}
            reused = sum("reused" in row for row in made.values())
            console.remark(f"--reuse: {reused} of {len(made)} trainings were there already")
        _conclude(plan, results, out)


def _check_data(plan: Plan, results: Results, *, retry_failed: bool) -> None:
    """Downloads what has to be; data that are not there end the sweep before it begins."""
    from tfcompress.data import ARCHIVES, NAMED, NAMED_TEXTS
    from tfcompress.data.paths import existing

    names = (*NAMED, *NAMED_TEXTS, *ARCHIVES)
    new = [one for one in plan.artefacts if results.of_file(one) is None]
    if not retry_failed:
        new = [one for one in new if one.key not in results.rows]
    for source in dict.fromkeys(one.training.config.data.source for one in new):
        if source not in names:
            existing(source, names)
        console.download(source)


def _conclude(plan: Plan, results: Results, out: Path) -> None:
    from tfcompress.sweep import still_to_run

    found = [results.rows.get(one.key) or results.of_file(one) for one in plan.artefacts]
    rows = [row for row in found if row is not None]
    if not rows:
        raise ConfigError(f"{out}: no run of these settings is finished there")
    failed = [row for row in rows if row["status"] == "failed"]
    if len(failed) == len(rows):
        raise ConfigError(f"every run failed, the first with: {failed[0]['error']}")
    left = still_to_run(plan.artefacts, results)
    lacking = sum(results.of_file(artefact) is not None for artefact in left)
    less = f" ({lacking} of them less than asked for)" if lacking else ""
    again = " (--retry-failed runs them once more)" if failed else ""
    console.say(
        f"{len(rows) - len(failed)} measured{less}, {len(failed)} failed{again}; "
        f"tfcompress report {out} shows them"
    )


def _list(plan: Plan) -> None:
    for artefact in plan.artefacts:
        console.say(artefact.title)
    console.say(f"{_size(plan)}; nothing was run")


def _size(plan: Plan) -> str:
    files, trainings = len(plan.artefacts), plan.num_trainings
    return f"{files} file{'s' * (files != 1)} of {trainings} training{'s' * (trainings != 1)}"


def _booleans(words: list[str] | None) -> list[bool | str]:
    """What is neither true nor false stays, for the grid to name."""
    return [{"true": True, "false": False}.get(word, word) for word in words or ()]


def _key_values(words: list[str]) -> dict[str, Any]:
    """Values as TOML has them (epochs=5); what is no TOML value is a text."""
    import tomllib

    values: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not key or not equals:
            raise ConfigError(f"--training {word}: expected KEY=VALUE, such as epochs=5")
        try:
            values[key] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            values[key] = text
    return values
