"""What a model gives: the outputs of its first subgraph."""

from collections.abc import Mapping

from ai_edge_litert import schema_py_generated as schema

from tfcompress.tflite.graph.flatbuffer import TfliteFile
from tfcompress.tflite.graph.prune import prune


def set_outputs(file: TfliteFile, outputs: Mapping[str, int]) -> None:
    """Lets a model give these tensors, by the names that its signatures call them."""
    file.subgraphs[0].outputs = list(outputs.values())
    for signature in file.model.signatureDefs or []:
        if signature.subgraphIndex == 0:
            signature.outputs = [
                schema.TensorMapT(name=name, tensorIndex=tensor) for name, tensor in outputs.items()
            ]


def give_only(file: TfliteFile, outputs: Mapping[str, int]) -> None:
    """Lets a model give these tensors, and drops all that they do not need."""
    set_outputs(file, outputs)
    subgraph = file.subgraphs[0]
    needed = set(subgraph.outputs)
    kept = []
    # Operators stand in the order in which they run.
    for operator in reversed(subgraph.operators):
        if needed & set(operator.outputs):
            needed.update(operator.inputs)
            kept.append(operator)
    subgraph.operators = kept[::-1]
    prune(file)
