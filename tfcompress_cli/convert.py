"""`tfcompress convert`: a run directory or a .keras model in, one .tflite out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfcompress.choices import Codec, DenseDtype, GranularityName, TableDtype, Target
from tfcompress.errors import ConfigError, ModelError
from tfcompress_cli import budget, coded_run, console, example_inputs, optimize, run_search
from tfcompress_cli.inspect import show_model
from tfcompress_cli.pack import show_packing

if TYPE_CHECKING:
    import keras

    from tfcompress.training import Run
    from tfcompress.vocabulary import Vocabulary
    from tfcompress_cli.optimize import Optimizing
    from tfcompress_cli.run_search import WantedOfRun

Option = typer.Option

_EXACT = 1e-4
"""Largest relative difference of a float32 file: rounding in another order, ten times over."""


def convert(
    source: Annotated[
        Path, typer.Argument(metavar="RUN_OR_MODEL", help="A run directory or a .keras file.")
    ],
    out: Annotated[Path, Option(help="The .tflite to write.")],
    table_dtype: Annotated[
        TableDtype | None,
        Option(help="Number type of the tables.", show_default="float32; int8 beside coded tables"),
    ] = None,
    granularity: Annotated[
        GranularityName, Option(help="int8 and int4: a scale for every row, or one for the table.")
    ] = "per-row",
    dense_dtype: Annotated[
        DenseDtype,
        Option(help="Number type of the rest; int4: of large matrices, others are int8."),
    ] = "float32",
    dense: Annotated[
        str | None,
        Option(
            help="Train the dense layers of a run on, with fewer values: prune:0.5 (the share of "
            "zeros), cluster:16, or qat for int8."
        ),
    ] = None,
    codec: Annotated[
        Codec | None,
        Option(
            help="Pack the tables, as tfcompress pack does.",
            show_default="none; auto for coded tables",
        ),
    ] = None,
    target: Annotated[
        Target, Option(help="What decodes packed rows: builtin operators or our delegate.")
    ] = "builtin",
    top_k: Annotated[
        int | None, Option(help="A ranker then returns ids and scores of the K best.")
    ] = None,
    vocabulary: Annotated[
        bool, Option("--vocabulary", help="Put token -> id into the file, for readers in mobile/.")
    ] = False,
    overwrite: console.Overwrite = False,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Convert in memory, show the bytes, write nothing.")
    ] = False,
    max_loss: budget.MaxLoss = None,
    max_bytes: budget.MaxBytes = None,
    snr: budget.Snr = None,
    metric: budget.Metric = None,
    data: Annotated[
        str | None,
        Option(
            help="The data of the training, if they moved (here, and with --dense).",
            rich_help_panel=budget.PANEL,
        ),
    ] = None,
    code_output: Annotated[
        bool,
        Option(
            "--code-output",
            help="Code an untied output matrix too: a small file, slower scores.",
            rich_help_panel=budget.PANEL,
        ),
    ] = False,
    refit: Annotated[
        bool,
        Option(
            "--refit/--no-refit",
            help="Fit the dense layers behind the tables to the coded ones.",
            rich_help_panel=budget.PANEL,
        ),
    ] = True,
    tune: Annotated[
        int,
        Option(
            help="Epochs of training the rest of the model around the coded tables.",
            min=0,
            rich_help_panel=budget.PANEL,
        ),
    ] = 0,
    curve: budget.Curve = None,
    plot: budget.Plot = None,
) -> None:
    """Convert a trained model to one .tflite for any stock runtime (or, by --target, our delegate).

    Example: tfcompress convert runs/memcom --out memcom.tflite --table-dtype int8
    """
    optimizing = None if dense is None else optimize.Optimizing.parse(dense, data)
    limit = budget.parse(max_loss, max_bytes, snr)
    if optimizing is not None and limit is not None:
        raise ConfigError(
            "--dense changes the model that a search measures losses against; leave it or the "
            "budget out"
        )
    wanted = None
    if limit is not None:
        wanted = run_search.WantedOfRun(
            limit,
            metric=metric,
            data=data,
            target=target,
            code_output=code_output,
            refit=refit,
            top_k=top_k,
            dense_dtype=dense_dtype,
            tune=tune,
            curve=curve,
            plot=plot,
        )
    elif (
        (metric, None if optimizing else data, curve, plot) != (None, None, None, None)
        or code_output
        or tune
        or not refit
    ):
        raise ConfigError(
            "--metric, --data, --code-output, --no-refit, --tune, --curve and --plot belong to a "
            "search; give --max-loss, --max-bytes or --snr"
        )
    coded = coded_run.is_coded(source)
    if coded and wanted is not None:
        coded_run.refuse_budget(source)
    if codec is None and target == "delegate" and not (wanted or coded):
        raise ConfigError(
            "--target: 'delegate' decodes packed tables, and without --codec none are packed; give "
            "--codec auto, or leave --target out"
        )
    codec = codec or ("auto" if wanted or coded else "none")
    convert_file(
        source,
        out,
        table_dtype=table_dtype or ("int8" if wanted or coded else "float32"),
        granularity=granularity,
        dense_dtype=dense_dtype,
        codec=codec,
        target=target,
        top_k=top_k,
        vocabulary=vocabulary,
        wanted=wanted,
        optimizing=optimizing,
        overwrite=overwrite,
        dry_run=dry_run,
    )


def convert_file(
    source: Path,
    out: Path,
    *,
    table_dtype: TableDtype = "float32",
    granularity: GranularityName = "per-row",
    dense_dtype: DenseDtype = "float32",
    codec: Codec = "none",
    target: Target = "builtin",
    top_k: int | None = None,
    vocabulary: bool = False,
    wanted: WantedOfRun | None = None,
    optimizing: Optimizing | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    brief: bool = False,
) -> None:
    """Converts, compares with Keras, prints where the bytes went (`brief`: one line), writes."""
    from tfcompress.files import write_file

    console.refuse_outputs([out], [source], overwrite=overwrite or dry_run)
    if codec != "none":
        from tfcompress.tflite.packing.options import check_options

        check_options(codec, target)
    if wanted is not None:
        wanted.check(out, source, codec, overwrite=overwrite or dry_run)
    run, model = _load(source, seeds=wanted is not None and wanted.tune > 0)
    stored_vocabulary = _vocabulary(run, source) if vocabulary else None
    if top_k is not None:
        from tfcompress.tflite.top_k import check_top_k, num_scored_ids

        check_top_k(top_k, num_scored_ids(model))
    optimized = optimizing.run(run, model, top_k) if optimizing is not None else None
    search = run_search.find(run, model, wanted) if wanted is not None else None
    coded = coded_run.load(run, model, top_k)
    changed = search or optimized or coded
    transformed = search.found.tables if search else coded.tables if coded else {}
    with console.err.status("Converting"):
        from tfcompress import tflite

        content = tflite.convert(
            model,
            table_dtype=table_dtype,
            granularity="per_row" if granularity == "per-row" else "per_table",
            transformed=transformed,
            dense_dtype=dense_dtype,
            top_k=top_k,
            metadata=run.tflite_metadata() if run else None,
            vocabulary=stored_vocabulary,
        )
        packing = None
        if codec != "none":
            packing = tflite.pack_model(content, codec=codec, target=target)
            content = packing.content
        inputs, described = example_inputs.choose(run, model, changed.measured if changed else None)
        with tflite.tables_replaced(model, transformed):
            difference = tflite.compare_with_keras(model, content, inputs)
    names = {table.name for table in tflite.inspect_model(content).tables}
    exact = dense_dtype == "float32" and (table_dtype == "float32" or names <= set(transformed))
    if not difference.relative < (_EXACT if exact else 1.0):
        raise ModelError(
            f"{source}: the converted model differs from Keras by {difference.relative:.2g} "
            f"(relative), so nothing was written; please report this model"
        )
    if not dry_run:
        # Before it is shown: who reads that may go away, as `head` does.
        write_file(out, content, overwrite=overwrite)
        if search is not None:
            search.write_curve()
    agreement = (
        f"difference from Keras at most {difference.absolute:.2g} "
        f"(relative {difference.relative:.2g}) on {described}"
    )
    if brief:
        console.say(f"{out}: {len(content):,} bytes, {agreement}")
    else:
        if search is not None:
            search.show()
        if packing is not None:
            show_packing(packing)
        # What packing left was listed just now, with the reasons.
        show_model(tflite.inspect_model(content), title=str(out), unpackable=packing is None)
        console.say(agreement)
    if dry_run:
        console.say(f"Dry run: {out} was not written.")
    if changed is not None:
        console.say(changed.check(content))


def _vocabulary(run: Run | None, source: Path) -> Vocabulary:
    """That of the run, or the vocabulary.parquet beside a .keras file."""
    from tfcompress.vocabulary import VOCABULARY_FILE, Vocabulary

    beside = source.parent / VOCABULARY_FILE
    if run is None and not beside.is_file():
        raise ConfigError(
            f"--vocabulary: {beside} is not there; convert a run directory, or save the "
            "model's Vocabulary under that name"
        )
    return run.vocabulary() if run else Vocabulary.load(beside)


def _load(source: Path, *, seeds: bool) -> tuple[Run | None, keras.Model]:
    """The run, if it is one, and the model; `seeds` for a training to come."""
    with console.err.status("Loading TensorFlow and the model"):
        console.use_backend("tensorflow")
        from tfcompress.models import load_model
        from tfcompress.training import Run

        if not Run.is_run(source):
            return None, load_model(source)
        run = Run(source)
        if seeds:
            from tfcompress.training.loop import make_deterministic

            # Dropout draws its seeds when the model is loaded.
            make_deterministic(run.config().seed)
        return run, run.model()
