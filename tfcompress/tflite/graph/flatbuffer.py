"""A .tflite file as objects: read, edit, write.

A file is one flatbuffer (schema `tflite::Model`, identifier "TFL3"), optionally followed by a ZIP
archive of associated files (label lists and the like). `TfliteFile` holds both. Edits work on the
object API that `ai_edge_litert` generates from the schema; `to_bytes` writes what is left
(`serialize`): `buffers[0]` is always empty, what every tensor without constant data points at.

Removing is done by leaving things unreferenced: `prune.prune` drops whatever nothing refers to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tfcompress.errors import ModelError
from tfcompress.tflite.graph.associated import (
    AssociatedFile,
    append_files,
    archive_bytes,
    associated_files,
)
from tfcompress.tflite.graph.fields import builtin_code, indices, text
from tfcompress.tflite.graph.names import new_name
from tfcompress.tflite.graph.parse import parse
from tfcompress.tflite.graph.serialize import serialize

OPERATOR_NAMES: dict[int, str] = {
    value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)
}
TYPE_NAMES: dict[int, str] = {
    value: name for name, value in vars(schema.TensorType).items() if isinstance(value, int)
}
_COMPILED = "DISPATCH_OP"
"""LiteRT's operator for what was compiled for an accelerator, by what its custom code holds."""
KIND_OF_DTYPE: dict[str, int] = {
    "float32": schema.TensorType.FLOAT32,
    "float16": schema.TensorType.FLOAT16,
    "int64": schema.TensorType.INT64,
    "int32": schema.TensorType.INT32,
    "int16": schema.TensorType.INT16,
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "bool": schema.TensorType.BOOL,
}


@dataclass
class TfliteFile:
    """A parsed .tflite file that can be changed.

    Attributes:
        model: schema.ModelT. The flatbuffer as objects; tensor and operator index lists are lists
            of int.
        associated: list of AssociatedFile. The ZIP archive behind the flatbuffer.
        archive_comment: bytes. That of the archive.
        archive_bytes: int. What the archive took in the file that was read.
    """

    model: Any
    associated: list[AssociatedFile] = field(default_factory=list)
    archive_comment: bytes = b""
    archive_bytes: int = 0

    @property
    def subgraphs(self) -> list[Any]:
        """The subgraphs; the first one is what runs."""
        return list(self.model.subgraphs)

    def operator_name(self, operator: Any) -> str:
        """The builtin name ("GATHER"), or the custom code of a custom operator ("FlexFoo")."""
        return self.code_name(self.model.operatorCodes[operator.opcodeIndex])

    def code_name(self, code: Any) -> str:
        """The name of an operator code: the builtin's, or the custom code."""
        builtin = builtin_code(code)
        if builtin == schema.BuiltinOperator.CUSTOM:
            return text(code.customCode)
        return OPERATOR_NAMES.get(builtin, f"BUILTIN_{builtin}")

    def data(self, tensor: Any) -> NDArray[np.uint8] | None:
        """The constant bytes of a tensor; None when it has none."""
        data = self.model.buffers[tensor.buffer].data
        return None if data is None or len(data) == 0 else data

    def array(self, tensor: Any) -> NDArray[Any] | None:
        """The constant value of a tensor; None where it is none, or of a type NumPy lacks."""
        data = self.data(tensor)
        dtype = next((name for name, kind in KIND_OF_DTYPE.items() if kind == tensor.type), None)
        if data is None or dtype is None:
            return None
        return np.asarray(data).view(dtype).reshape([int(size) for size in tensor.shape])

    def add_buffer(self, content: NDArray[Any]) -> int:
        """Appends the bytes of an array; returns the index of the new buffer."""
        self.model.buffers.append(
            schema.BufferT(data=np.ascontiguousarray(content).reshape(-1).view(np.uint8))
        )
        return len(self.model.buffers) - 1

    def add_tensor(
        self,
        subgraph: Any,
        name: str,
        shape: Sequence[int],
        kind: int,
        *,
        signature: Sequence[int] | None = None,
        buffer: int = 0,
        scale: float | None = None,
    ) -> int:
        """Appends a tensor to `subgraph`.

        Args:
            subgraph: schema.SubGraphT.
            name: str. Made unique among the subgraph's tensors, and that of a constant among all
                constants of the file, by which metadata tell them apart; "" for a short one.
                (Readers of the MLIR kind crash on tensors without a name.)
            shape: ints. Dimensions that may change are 1 here and -1 in `signature`.
            kind: int. A `schema.TensorType`.
            signature: ints or None. The shape with -1 for dimensions that may change.
            buffer: int. The constant data; 0 for none.
            scale: float or None. One quantisation scale for the whole tensor, zero point 0.

        Returns:
            int. The index of the tensor in the subgraph.
        """
        tensor = schema.TensorT(
            shape=[int(size) for size in shape],
            type=kind,
            buffer=buffer,
            name=(name and new_name(self.subgraphs, subgraph, name, buffer))
            or f"_{len(subgraph.tensors)}",
            shapeSignature=None if signature is None else [int(size) for size in signature],
            hasRank=True,
        )
        if scale is not None:
            tensor.quantization = schema.QuantizationParametersT(scale=[scale], zeroPoint=[0])
        subgraph.tensors.append(tensor)
        return len(subgraph.tensors) - 1

    def add_like(
        self,
        subgraph: Any,
        name: str,
        model: int,
        kind: int,
        *,
        last: Sequence[int] | None = None,
    ) -> int:
        """Appends a tensor shaped as tensor `model` is, its last dimensions replaced by `last`."""
        tensor = subgraph.tensors[model]
        shape, signature = indices(tensor.shape), indices(tensor.shapeSignature)
        if last:
            shape[-len(last) :] = last
            signature[-len(last) :] = last if signature else []
        return self.add_tensor(subgraph, name, shape, kind, signature=signature or None)

    def add_constant_view(
        self, subgraph: Any, name: str, shape: Sequence[int], kind: int, buffer: int
    ) -> int:
        """The tensor of this shape and type on a buffer, appended if there is none yet."""
        for index, tensor in enumerate(subgraph.tensors):
            if (
                tensor.buffer == buffer
                and tensor.type == kind
                and indices(tensor.shape) == list(shape)
                and tensor.quantization is None
            ):
                return index
        return self.add_tensor(subgraph, name, shape, kind, buffer=buffer)

    def add_constant(self, subgraph: Any, name: str, value: NDArray[Any]) -> int:
        """Appends a constant tensor with a buffer of its own; returns the tensor's index."""
        kind = KIND_OF_DTYPE[value.dtype.name]
        buffer = self.add_buffer(value)
        return self.add_tensor(subgraph, name, value.shape, kind, buffer=buffer)

    def operator(
        self,
        name: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: Any = None,
        *,
        version: int = 1,
    ) -> Any:
        """Makes a builtin operator; the caller puts it into a subgraph.

        Args:
            name: str. The builtin's name, such as "GATHER".
            inputs: ints. Tensor indices.
            outputs: ints. Tensor indices.
            options: a `schema.*OptionsT` or None.
            version: int. The operator version that has the types used; an older runtime then
                refuses the file when it loads it and not in the middle of a run.
        """
        made = schema.OperatorT(
            opcodeIndex=self._operator_code(getattr(schema.BuiltinOperator, name), version),
            inputs=list(inputs),
            outputs=list(outputs),
        )
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            made.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            made.builtinOptions = options
        return made

    def custom_operator(
        self, name: str, inputs: Sequence[int], outputs: Sequence[int], options: bytes
    ) -> Any:
        """Makes a custom operator of version 1; the caller puts it into a subgraph.

        Args:
            name: str. The custom code that a delegate knows it by.
            inputs: ints. Tensor indices.
            outputs: ints. Tensor indices.
            options: bytes. What the delegate reads besides the tensors.
        """
        return schema.OperatorT(
            opcodeIndex=self._operator_code(schema.BuiltinOperator.CUSTOM, 1, name),
            inputs=list(inputs),
            outputs=list(outputs),
            customOptions=list(options),
        )

    def _operator_code(self, builtin: int, version: int, custom: str = "") -> int:
        codes = self.model.operatorCodes
        for index, code in enumerate(codes):
            found = (builtin_code(code), code.version, text(code.customCode))
            if found == (builtin, version, custom):
                return index
        code = schema.OperatorCodeT(builtinCode=builtin, version=version, customCode=custom or None)
        # Readers older than the 32-bit code look at the 8-bit one; 127 says "look at the other".
        code.deprecatedBuiltinCode = min(builtin, 127)
        codes.append(code)
        return len(codes) - 1

    def metadata(self, name: str) -> bytes | None:
        """The content of a metadata entry; None when there is none of that name."""
        for entry in self.model.metadata or []:
            if text(entry.name) == name:
                data = self.model.buffers[entry.buffer].data
                return b"" if data is None else bytes(data)
        return None

    def set_metadata(self, name: str, content: bytes) -> None:
        """Writes a metadata entry, replacing one of the same name."""
        self.remove_metadata(name)
        buffer = self.add_buffer(np.frombuffer(content, np.uint8))
        self.model.metadata = [
            *(self.model.metadata or []),
            schema.MetadataT(name=name, buffer=buffer),
        ]

    def remove_metadata(self, name: str) -> None:
        """Drops the metadata entries of that name."""
        kept = [entry for entry in self.model.metadata or [] if text(entry.name) != name]
        self.model.metadata = kept

    def to_bytes(self) -> bytes:
        """The file: the flatbuffer and, behind it, the associated files.

        Raises:
            ModelError: it holds code for an accelerator.
        """
        return append_files(self.flatbuffer_bytes(), self.associated, self.archive_comment)

    def flatbuffer_bytes(self) -> bytes:
        """The flatbuffer (and, over 2 GB, the buffers behind it) without the associated files."""
        if any(_COMPILED in text(code.customCode) for code in self.model.operatorCodes or []):
            raise ModelError(
                f"the file holds code for an accelerator ({_COMPILED}), which stands at places of "
                "the file that would move; take the model from before it was compiled"
            )
        return serialize(self.model)


def read(content: bytes) -> TfliteFile:
    """Parses a .tflite file.

    Args:
        content: bytes. Buffers are views into it, not copies.

    Raises:
        ModelError: it is no .tflite file, or it is cut off or damaged.
    """
    model = parse(content)
    for subgraph in model.subgraphs:
        subgraph.inputs, subgraph.outputs = indices(subgraph.inputs), indices(subgraph.outputs)
        subgraph.tensors, subgraph.operators = subgraph.tensors or [], subgraph.operators or []
        for operator in subgraph.operators:
            operator.inputs, operator.outputs = indices(operator.inputs), indices(operator.outputs)
    associated, comment = associated_files(content)
    return TfliteFile(model, associated, comment, archive_bytes(content, associated))
