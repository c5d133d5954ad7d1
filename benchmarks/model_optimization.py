"""What pruning, clustering and training for int8 buy, in bytes of real files at measured quality.

    python benchmarks/model_optimization.py RUN [--data DATA] [--part dense] [--part tables]

RUN is what `tfcompress train` made. Quality is that of the .tflite on the test split. The first
table has the dense layers under each method, as float32 and as int8; what their weights take, bare
and deflated (as a download is), is counted apart from the rest of the file, which stays the same.
The second has the lookup table of few values under every codec, beside plain number types and one
global step in mode `rate`, at steps that give the signal-to-noise ratio of the clusters.
"""

import argparse
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

METHODS = (None, "prune:0.5", "prune:0.75", "cluster:16", "cluster:64", "qat")
CLUSTERS = (16, 64, 256)
CODECS = ("none", "indexed", "context", "rate")


class Files:
    """Files of a run, measured.

    Args:
        path: Path. Of the run.
        data: str or None. Where its data lie now.
    """

    def __init__(self, path: Path, data: str | None) -> None:
        from tfcompress.search.run.quality import RunQuality
        from tfcompress.training import Run

        self.run, self.data = Run(path), data or Run(path).config().data.source
        self.model = self.run.model()
        self.task = RunQuality(self.run, self.model, self.data).task
        self.weights = self.model.get_weights()
        self._reference: float | None = None

    def convert(self, **options: Any) -> bytes:
        """The file of the model as it is now."""
        from tfcompress import tflite

        return tflite.convert(self.model, metadata=self.run.tflite_metadata(), **options)

    def quality(self, content: bytes) -> str:
        """nDCG@10 or accuracy on the test split, and its change against the first file asked."""
        from tfcompress.measure import measure

        with TemporaryDirectory() as folder:
            path = Path(folder) / "model.tflite"
            path.write_bytes(content)
            (found,) = measure(path, self.data, latency=False, memory=False)
        value = found.quality.headline[1]
        self._reference = self._reference or value
        return f"{value:.4f} | {100 * (value / self._reference - 1):+.1f} %"

    def dense_rows(self) -> Iterator[str]:
        """The first table."""
        from tfcompress import tflite
        from tfcompress.model_optimization import DenseMethod, optimize_dense

        yield "| dense layers | type | nDCG@10 | change | file | deflated | weights | deflated |"
        yield "| --- | --- " + "| ---: " * 6 + "|"
        for text in METHODS:
            self.model.set_weights(self.weights)
            if text is not None:
                optimize_dense(self.model, DenseMethod.parse(text), self.task)
            for dense_dtype in ("float32", "int8"):
                content = self.convert(dense_dtype=dense_dtype)
                sizes = [len(content), deflated(content), *self._kernel_bytes(content)]
                assert sum(tflite.inspect_model(content).to_json()["bytes"].values()) == sizes[0]
                numbers = " | ".join(f"{size:,}" for size in sizes)
                yield f"| {text or '-'} | {dense_dtype} | {self.quality(content)} | {numbers} |"

    def _kernel_bytes(self, content: bytes) -> tuple[int, int]:
        """What the kernels of the dense layers take in a file, and deflated."""
        from tfcompress.model_optimization.dense import dense_chain
        from tfcompress.tflite.graph.fields import indices
        from tfcompress.tflite.graph.flatbuffer import read

        shapes = {tuple(x.kernel.shape[::-1]) for x in dense_chain(self.model) if x.weights}
        file = read(content)
        kernels = b"".join(
            np.asarray(file.data(tensor)).tobytes()
            for subgraph in file.subgraphs
            for tensor in subgraph.tensors
            if file.data(tensor) is not None and tuple(indices(tensor.shape)) in shapes
        )
        return len(kernels), deflated(kernels)

    def table_rows(self) -> Iterator[str]:
        """The second table."""
        from tfcompress import layers, tflite
        from tfcompress.model_optimization import cluster_tables
        from tfcompress.quantization import snr_db, step_for_snr
        from tfcompress.rate_distortion import transform_code
        from tfcompress.training.variables import values

        yield f"| table | nDCG@10 | change | SNR | {' | '.join(CODECS)} |"
        yield "| --- " + "| ---: " * (3 + len(CODECS)) + "|"
        self.model.set_weights(self.weights)
        (name, *_) = tflite.table_use(self.model).looked_up
        embedding, key = name.split("/")
        variable = layers.layer_tables(layers.model_embeddings(self.model)[embedding])[key]
        (trained,) = values([variable])
        yield self._table_row("float32", self.convert(), None)
        even_snr = 0.0
        for dtype, granularity in (("int8", "row"), ("int8", "table"), ("int4", "row")):
            content = self.convert(table_dtype=dtype, granularity=f"per_{granularity}")
            snr = tflite.inspect_model(content).tables[0].snr_db
            even_snr = snr if granularity == "table" else even_snr
            yield self._table_row(f"{dtype} per {granularity}", content, snr)
        for count in CLUSTERS:
            self.model.set_weights(self.weights)
            cluster_tables(self.model, count)
            snr = snr_db(trained, values([variable])[0])
            content = self.convert(table_dtype="int8", granularity="per_table")
            yield self._table_row(f"{count} clusters", content, snr)
            self.model.set_weights(self.weights)
            even = {"row_step_exponent": 0.0, "rotation": False}
            if snr > even_snr:
                continue  # One step of int8 is not as fine.
            step = step_for_snr(trained, snr) / np.sqrt(np.mean(np.square(trained)))
            coded = transform_code(trained, step=step, rate_weight=0.0, **even)
            content = self.convert(transformed={name: coded})
            snr = snr_db(trained, coded.dequantize())
            yield self._table_row("one step, about the same SNR", content, snr)

    def _table_row(self, label: str, content: bytes, snr: float | None) -> str:
        from tfcompress import tflite

        sizes = []
        for codec in CODECS:
            packed = content
            if codec != "none":
                packed = tflite.pack(content, codec=codec, target="delegate")
            sizes.append(f"{tflite.inspect_model(packed).table_bytes:,}")
        decibels = "-" if snr is None else f"{snr:.1f}"
        return f"| {label} | {self.quality(content)} | {decibels} | {' | '.join(sizes)} |"


def deflated(content: bytes) -> int:
    return len(zlib.compress(content, 9))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", help="where the data of the training lie now")
    parser.add_argument("--part", choices=("dense", "tables"), action="append")
    arguments = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "tensorflow"
    files = Files(arguments.run, arguments.data)
    for part in arguments.part or ("dense", "tables"):
        for line in files.dense_rows() if part == "dense" else files.table_rows():
            print(line, flush=True)
        print()


if __name__ == "__main__":
    main()
