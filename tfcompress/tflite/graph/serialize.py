"""Writes a model as bytes: one flatbuffer, or a flatbuffer and buffers behind it.

The generated Python packer aligns constant data to 4 bytes; the schema demands 16. Offsets inside
a flatbuffer are 32-bit and signed, so a model over 2 GB keeps its large buffers behind the
flatbuffer, each 64-byte aligned; `Buffer.offset` and `Buffer.size` say where, counted from the
start of the file.

A decoder has hundreds of operators and tensors, of few kinds: equal lists of numbers (shapes) and
equal tables of numbers (options) are written once, which takes a quarter off a graph.
"""

import struct
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

IDENTIFIER = b"TFL3"
"""Bytes 4 to 7 of every .tflite."""
_ALIGNMENT = 16
_OUTSIDE_ALIGNMENT = 64
LARGEST_FLATBUFFER = 2**31 - 2**26
"""Bytes of constants that go into the flatbuffer; what is left to 2^31 holds the graph."""
_OUTSIDE_BYTES = 4096
"""Where some buffers stand behind the flatbuffer, those of so many bytes or more do."""
_SHARED_BYTES = 64
"""Longer lists are hardly ever equal."""


def serialize(model: Any) -> bytes:
    """The bytes of a model.

    Args:
        model: schema.ModelT. Its buffers become ones that pack themselves aligned.
    """
    model.buffers = [_AlignedBuffer(buffer.data) for buffer in model.buffers]
    total = sum(buffer.nbytes for buffer in model.buffers)
    if total <= LARGEST_FLATBUFFER:
        return _pack(model, total)
    outside = [buffer for buffer in model.buffers if buffer.nbytes >= _OUTSIDE_BYTES]
    inside = total - sum(buffer.nbytes for buffer in outside)
    # The offsets have the same size whatever they are, so a first pass gives the flatbuffer's; each
    # is another one, as equal tables are written once.
    for number, buffer in enumerate(outside):
        buffer.place = _OUTSIDE_ALIGNMENT * (1 + number)
    end = len(_pack(model, inside))
    for buffer in outside:
        buffer.place = -(-end // _OUTSIDE_ALIGNMENT) * _OUTSIDE_ALIGNMENT
        end = buffer.place + buffer.nbytes
    content = bytearray(end)
    flatbuffer = _pack(model, inside)
    content[: len(flatbuffer)] = flatbuffer
    for buffer in outside:
        content[buffer.place : buffer.place + buffer.nbytes] = memoryview(buffer.data)
        buffer.place = 0
    return bytes(content)


def _pack(model: Any, data_bytes: int) -> bytes:
    builder = _SharingBuilder(data_bytes + 65536)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """Writes equal vectors of numbers, and equal tables of numbers, once."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._written: dict[tuple[int, bytes], int] = {}
        self._has_offsets = False
        self._before = self._alignment = self._size = 0

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:  # noqa: N802
        self._has_offsets = False
        self._before, self._alignment, self._size = self.Offset(), alignment, elemSize * numElems
        return super().StartVector(elemSize, numElems, alignment)

    def EndVector(self, *deprecated: Any) -> Any:  # noqa: N802
        written = super().EndVector(*deprecated)
        alignment, self._alignment = self._alignment, 0  # strings end in the same way
        if self._has_offsets or not 0 < alignment <= 8 or self._size > _SHARED_BYTES:
            return written
        return self._once(alignment, written, 4 + self._size, self._before)

    def StartObject(self, numfields: int) -> None:  # noqa: N802
        self._has_offsets = False
        super().StartObject(numfields)

    def EndObject(self) -> Any:  # noqa: N802
        before = self.objectEnd
        written = super().EndObject()
        if self._has_offsets:
            return written
        # A table starts with the way to its vtable; which one that is stands for its kind.
        start = len(self.Bytes) - written
        (to_vtable,) = struct.unpack_from("<i", self.Bytes, start)
        return self._once(-(written + to_vtable), written, written - before, before, skip=4)

    def PrependUOffsetTRelative(self, off: Any) -> None:  # noqa: N802
        self._has_offsets = True
        super().PrependUOffsetTRelative(off)

    def _once(self, kind: int, written: int, size: int, before: int, skip: int = 0) -> int:
        """Where the same was written earlier, what was written last undone; else where that is."""
        start = len(self.Bytes) - written
        found = self._written.setdefault(
            (kind, bytes(self.Bytes[start + skip : start + size])), written
        )
        if found != written:
            self.head = len(self.Bytes) - before
        return found


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc]
    """`BufferT` whose data vector starts on a multiple of 16, or stands outside at `place`."""

    def __init__(self, data: Any) -> None:
        super().__init__(None if data is None else np.ascontiguousarray(data, np.uint8))
        self.place = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the data."""
        return 0 if self.data is None else len(self.data)

    def Pack(self, builder: flatbuffers.Builder) -> Any:  # noqa: N802, the generated name
        data = None
        if self.data is not None and not self.place:
            content = self.data.tobytes()
            builder.StartVector(1, len(content), _ALIGNMENT)
            builder.head -= len(content)
            builder.Bytes[builder.head : builder.head + len(content)] = content
            data = builder.EndVector()
        schema.BufferStart(builder)
        if data is not None:
            schema.BufferAddData(builder, data)
        if self.place:
            schema.BufferAddOffset(builder, self.place)
            schema.BufferAddSize(builder, self.nbytes)
        return schema.BufferEnd(builder)
