"""Drops what an edit left behind in a file."""

from typing import Any

from tfcompress.tflite.graph.fields import block_details, indices
from tfcompress.tflite.graph.flatbuffer import TfliteFile


def prune(file: TfliteFile) -> None:
    """Drops tensors, buffers and operator codes that nothing refers to, and renumbers the rest.

    Operators are never dropped. The order of what stays does not change.
    """
    for index, subgraph in enumerate(file.model.subgraphs):
        signatures = [
            entry for entry in file.model.signatureDefs or [] if entry.subgraphIndex == index
        ]
        _prune_tensors(subgraph, signatures)
    _prune_buffers(file.model)
    _prune_codes(file.model)


def _prune_tensors(subgraph: Any, signatures: list[Any]) -> None:
    maps = [entry for s in signatures for entry in [*(s.inputs or []), *(s.outputs or [])]]
    used = {*subgraph.inputs, *subgraph.outputs, *(entry.tensorIndex for entry in maps)}
    for operator in subgraph.operators:
        operator.intermediates = indices(operator.intermediates)
        used.update(operator.inputs, operator.outputs, operator.intermediates)
    blockwise = [details for tensor in subgraph.tensors if (details := block_details(tensor))]
    used.update(index for details in blockwise for index in (details.scales, details.zeroPoints))
    used.discard(-1)  # an optional input that is not given
    kept = sorted(used)
    new_index = {-1: -1, **{old: new for new, old in enumerate(kept)}}
    subgraph.tensors = [subgraph.tensors[old] for old in kept]
    subgraph.inputs = [new_index[index] for index in subgraph.inputs]
    subgraph.outputs = [new_index[index] for index in subgraph.outputs]
    for operator in subgraph.operators:
        operator.inputs = [new_index[index] for index in operator.inputs]
        operator.outputs = [new_index[index] for index in operator.outputs]
        operator.intermediates = [new_index[index] for index in operator.intermediates] or None
    for details in blockwise:
        details.scales = new_index[details.scales]
        details.zeroPoints = new_index[details.zeroPoints]
    for entry in maps:
        entry.tensorIndex = new_index[entry.tensorIndex]


def _prune_buffers(model: Any) -> None:
    tensors = [tensor for subgraph in model.subgraphs for tensor in subgraph.tensors]
    entries = model.metadata or []
    for tensor in tensors:
        # Exporters give every activation an empty buffer of its own: 12 bytes each.
        if model.buffers[tensor.buffer].data is None:
            tensor.buffer = 0
    used = sorted({0, *(tensor.buffer for tensor in tensors), *(e.buffer for e in entries)})
    new_index = {old: new for new, old in enumerate(used)}
    for holder in [*tensors, *entries]:
        holder.buffer = new_index[holder.buffer]
    model.buffers = [model.buffers[old] for old in used]
    # A superseded list of metadata buffers without names; the named entries replaced it.
    model.metadataBuffer = None


def _prune_codes(model: Any) -> None:
    operators = [operator for subgraph in model.subgraphs for operator in subgraph.operators]
    used = sorted({operator.opcodeIndex for operator in operators})
    new_index = {old: new for new, old in enumerate(used)}
    for operator in operators:
        operator.opcodeIndex = new_index[operator.opcodeIndex]
    model.operatorCodes = [model.operatorCodes[old] for old in used]
