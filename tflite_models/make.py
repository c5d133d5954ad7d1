"""Makes the reference models of this folder, with the commands that anybody would use.

    python tflite_models/make.py [--out DIR]

Rankers and a text classifier are trained on the built-in synthetic data, converted, packed in every
mode for every target, and measured. Besides the files it writes `manifest.json`, a card for each
model in `cards/` and `golden.npz`, what each model answers. The same machine and versions give the
same bytes.

golden.npz:

    NAME/inputs  int32 (B, L)   what it is given: every id of its table at least once
    NAME/items   int32 (B, L)   of a model that scores all items: those whose scores are kept, every
                                one at least once
    NAME/scores  float32 (B, L) of these; (B, K) or (B, classes) of other models
    NAME/ids     int32 (B, K)   of a model with top-K outputs

NAME is the model before it was packed: packing does not change an output by a bit, which is checked
here and by tests/tflite/test_reference_models.py.
"""

import argparse
import hashlib
import io
import json
import os
import shlex
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
PACKAGES = ("tensorflow", "keras", "flatbuffers")
RANKER = (
    "synthetic --max-items 3000 --dim 16 --history-length 10 --hidden-units 32 --epochs 4 "
    "--learning-rate 0.005"
)
CLASSIFIER = (
    "synthetic-text --model text-classifier --max-items 3000 --bigram-buckets 4096 --dim 32 "
    "--max-words 16 --hidden-units 16 --epochs 3"
)
RUNS = {
    "full": f"{RANKER} --embedding full",
    "low-rank": f"{RANKER} --embedding low-rank --ratio 1.9",
    "memcom": f"{RANKER} --embedding memcom --ratio 8",
    "memcom-tied": f"{RANKER} --embedding memcom --ratio 4 --tie",
    "text": f"{CLASSIFIER} --embedding full",
}
DENSE = "--dense-dtype int8"


@dataclass(frozen=True)
class Recipe:
    """A model and the command that makes its file.

    Attributes:
        name: str. Of the file, without ".tflite".
        about: str. A sentence for its card.
        command: str. The last of its commands, without "--out".
        run: str. The training it comes from.
        plain: str. The model before packing; its own name if it is not packed.
    """

    name: str
    about: str
    command: str
    run: str
    plain: str

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.name}.tflite"

    @property
    def commands(self) -> list[str]:
        """All of its commands, in order."""
        train = f"tfcompress train {RUNS[self.run]} --out runs/{self.run}"
        own = f"tfcompress {self.command} --out {self.file}"
        if self.plain == self.name:
            return [train, own]
        (plain,) = (recipe for recipe in RECIPES if recipe.name == self.plain)
        return [*plain.commands, own]


def converted(name: str, run: str, options: str, about: str) -> Recipe:
    """A model with plain tables."""
    return Recipe(name, about, f"convert runs/{run} {options}", run, name)


def packed(plain: Recipe, target: str, codec: str) -> Recipe:
    """The same model with packed tables."""
    about = f"The model {plain.name} with its tables packed in mode {codec}, without loss."
    command = f"pack {plain.file} --codec {codec} --target {target}"
    return Recipe(f"{plain.name}-{target}-{codec}", about, command, plain.run, plain.name)


FULL = converted(
    "full-int8",
    "full",
    f"--table-dtype int8 --granularity per-table {DENSE}",
    "A ranker with a full table of int8 with one scale.",
)
TEXT = converted(
    "text-int4",
    "text",
    f"--table-dtype int4 --granularity per-table {DENSE}",
    "A text classifier with a full table of int4 with one scale: words and hashed bigrams.",
)
LOW_RANK = converted(
    "low-rank-int8",
    "low-rank",
    f"--table-dtype int8 {DENSE}",
    "A ranker with a low-rank table of int8 with a scale for each row.",
)
MEMCOM = converted(
    "memcom-int8",
    "memcom",
    f"--table-dtype int8 {DENSE}",
    "A ranker with MEmCom: shared rows of int8, a float16 multiplier for each id.",
)
MEMCOM_TOP_10 = converted(
    "memcom-float32-top-10",
    "memcom-tied",
    "--top-k 10 --vocabulary",
    "A ranker with MEmCom, also as output matrix: the ten best items, and the vocabulary.",
)
RECIPES = (
    FULL,
    *(packed(FULL, "delegate", codec) for codec in ("fixed", "context", "predictive")),
    LOW_RANK,
    MEMCOM,
    MEMCOM_TOP_10,
    TEXT,
    *(packed(TEXT, "builtin", codec) for codec in ("fixed", "indexed")),
    *(packed(TEXT, "delegate", codec) for codec in ("raw", "indexed", "rate")),
)


def make(folder: Path) -> dict[str, bytes]:
    """Trains, converts, packs and measures in `folder`; returns what goes into the repository."""
    from tfcompress_cli.main import run

    done = set()
    for recipe in RECIPES:
        for command in recipe.commands:
            if command not in done and run(shlex.split(command)[1:]) != 0:
                raise SystemExit(f"failed: {command}")
            done.add(command)
    measured = []
    for data in ("synthetic", "synthetic-text"):
        files = [r.file for r in RECIPES if RUNS[r.run].startswith(f"{data} ")]
        command = ["measure", *files, "--data", data, "--skip", "latency", "--skip", "memory"]
        if run([*command, "--json", "sizes.json"]) != 0:
            raise SystemExit(f"failed: tfcompress {' '.join(command)}")
        measured += json.loads((folder / "sizes.json").read_text())
    environment = measured[0]["environment"]
    environment["versions"] |= {name: version(name) for name in PACKAGES}
    models = [describe(folder, *pair) for pair in zip(RECIPES, measured, strict=True)]
    manifest = {"format": 1, "environment": environment, "models": models}
    made = {recipe.file: (folder / recipe.file).read_bytes() for recipe in RECIPES}
    made["golden.npz"] = golden(folder)
    made["manifest.json"] = (json.dumps(manifest, indent=1) + "\n").encode()
    cards = {model["file"].replace(".tflite", ".md"): card(model) for model in models}
    for name, text in (cards | {"README.md": overview(models)}).items():
        made[f"cards/{name}"] = text.encode()
    return made


def describe(folder: Path, recipe: Recipe, measured: dict[str, Any]) -> dict[str, Any]:
    """The entry of a model in the manifest."""
    from tfcompress.tflite import inspect_model
    from tfcompress.tflite.graph.flatbuffer import read
    from tfcompress.tflite.graph.runtime_version import ENTRY
    from tfcompress.tflite.runtime.delegate import needs_delegate

    content = (folder / recipe.file).read_bytes()
    info = inspect_model(content)
    if recipe.plain != recipe.name and all(table.codec == "none" for table in info.tables):
        raise SystemExit(f"{recipe.file}: no table of it was packed")
    return {
        "file": recipe.file,
        "about": recipe.about,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "quality": measured["quality"],
        "tables": measured["tables"],
        "target": "delegate" if needs_delegate(content) else "builtin",
        "lowest_runtime": (read(content).metadata(ENTRY) or b"").rstrip(b"\0").decode(),
        "inputs": [port.to_json() for port in info.inputs],
        "outputs": [port.to_json() for port in info.outputs],
        "answers": recipe.plain,
        "commands": recipe.commands,
    }


def golden(folder: Path) -> bytes:
    """The content of golden.npz."""
    arrays: dict[str, np.ndarray] = {}
    whole: dict[str, dict[str, np.ndarray]] = {}
    for recipe in RECIPES:
        path, plain = folder / recipe.file, recipe.plain
        if plain not in whole:
            inputs, items = (shuffled_ids(path, seed) for seed in (0, 1))
            outputs = whole[plain] = answers(path, inputs)
            arrays[f"{plain}/inputs"] = inputs
            arrays |= {f"{plain}/{name}": value for name, value in outputs.items()}
            if outputs["scores"].shape[1] > items.shape[1]:
                arrays[f"{plain}/items"] = items
                scores = np.take_along_axis(outputs["scores"], items, axis=1)
                arrays[f"{plain}/scores"] = scores
        outputs = answers(path, arrays[f"{plain}/inputs"])
        if any(not np.array_equal(outputs[name], whole[plain][name]) for name in outputs):
            raise SystemExit(f"{recipe.file}: does not answer as {plain}.tflite does")
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def shuffled_ids(path: Path, seed: int) -> np.ndarray:
    """Every id that a model takes, in as many inputs (B, L) as that takes."""
    from tfcompress.tflite import inspect_model

    info = inspect_model(path.read_bytes())
    size, length = (info.metadata or {})["model"]["input_dim"], info.inputs[0].shape[1]
    ids = np.random.default_rng(seed).permutation(size)
    return np.resize(ids, (-(-size // length), length)).astype(np.int32)


def answers(path: Path, ids: np.ndarray) -> dict[str, np.ndarray]:
    """What a model gives for inputs (B, L), by output."""
    from tfcompress.tflite import open_model

    outputs: dict[str, np.ndarray] = open_model(path).get_signature_runner()(ids=ids)
    return outputs


def runtime(model: dict[str, Any]) -> str:
    """Where a model runs."""
    if model["target"] == "delegate":
        return (
            f"TensorFlow Lite {model['lowest_runtime']} or LiteRT, bundled with the app, and the "
            "delegate ([Android](../../docs/android.md), [iOS](../../docs/ios.md))"
        )
    return f"any TensorFlow Lite from {model['lowest_runtime']} on, any LiteRT; nothing else"


def quality(model: dict[str, Any]) -> str:
    """What a model reaches, in its own measure."""
    name = "ndcg@10" if "ndcg@10" in model["quality"] else "accuracy"
    return f"{name.replace('ndcg', 'nDCG')} {model['quality'][name]:.4f}"


def card(model: dict[str, Any]) -> str:
    """The card of a model, Markdown."""
    name = model["file"].removesuffix(".tflite")

    def ports(kind: str) -> str:
        return "; ".join(
            f"`{port['name']}` {port['dtype']} ({', '.join(map(str, port['shape']))})".replace(
                "-1", "batch"
            )
            for port in model[kind]
        )

    lines = [
        f"# {name}",
        model["about"],
        "",
        "A reference for formats and runtimes. It was trained on made-up data: not for use.",
        "",
        "| | |",
        "| --- | --- |",
        f"| file | [{model['file']}](../{model['file']}), {model['bytes']:,} bytes |",
        f"| sha256 | `{model['sha256']}` |",
        f"| input | {ports('inputs')}: ids of items, oldest first, or of words and bigrams; "
        "0 for none |",
        f"| output | {ports('outputs')} |",
        f"| quality | {quality(model)} on the test split |",
        f"| target | {model['target']} |",
        f"| runs on | {runtime(model)} |",
        "",
        "| table | rows | cols | dtype | codec | bytes | bits a value |",
        "| --- | ---: | ---: | --- | --- | ---: | ---: |",
        *(
            f"| {table['name']} | {table['rows']:,} | {table['cols']} | {table['dtype']} | "
            f"{table['codec']} | {table['stored_bytes']:,} | {table['bits_per_value']:.2f} |"
            for table in model["tables"]
        ),
        "",
        "Made by",
        "",
        *(f"    {command}" for command in model["commands"]),
    ]
    return "\n".join(lines) + "\n"


def overview(models: list[dict[str, Any]]) -> str:
    """All models side by side, Markdown."""
    rows = (
        f"| [{name}]({name}.md) | {model['target']} | {model['lowest_runtime']} | "
        f"{model['bytes']:,} | {quality(model)} |"
        for model in models
        for name in [model["file"].removesuffix(".tflite")]
    )
    total = sum(model["bytes"] for model in models)
    return (
        "# Reference models\n"
        "| model | target | lowest runtime | bytes | quality |\n"
        "| --- | --- | --- | ---: | --- |\n" + "\n".join(rows) + "\n"
        f"\n{len(models)} files, {total:,} bytes. [How they are made](../README.md)\n"
    )


def main() -> None:
    """Makes everything in a temporary folder, then writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to")
    out = parser.parse_args().out.resolve()
    from tfcompress.files import write_file

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        made = make(Path(folder))
        os.chdir(HERE)
    for name, content in made.items():
        write_file(out / name, content)


if __name__ == "__main__":
    main()
