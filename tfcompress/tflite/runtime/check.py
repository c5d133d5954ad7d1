"""Whether a file runs on a stock runtime: builtin operators only, and it loads.

A conversion that succeeds says little: resource variables, Select TensorFlow ("Flex") operators
and custom operators all pass the converter under some settings and fail on the phone.
"""

from ai_edge_litert import schema_py_generated as schema

from tfcompress.errors import ModelError
from tfcompress.tflite.graph.fields import builtin_code
from tfcompress.tflite.graph.file_bytes import file_bytes
from tfcompress.tflite.graph.flatbuffer import TfliteFile, read
from tfcompress.tflite.runtime.delegate import delegates_for
from tfcompress.tflite.runtime.delegate_rows import CUSTOM_CODES

_VARIABLES = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")


def check(content: bytes, *, custom_allowed: frozenset[str] = frozenset()) -> None:
    """Refuses a file that a stock LiteRT or TFLite runtime cannot run.

    Args:
        content: bytes. A .tflite file.
        custom_allowed: set of str. Custom codes that a delegate will serve.

    Raises:
        ModelError: one line naming the operator and what to change, or what the runtime said when
            it prepared the graph.
    """
    content = file_bytes("content", content)
    check_operators(read(content), custom_allowed=custom_allowed)
    if custom_allowed:
        return  # the delegate that serves them is not loaded here
    check_loads(content)


def check_loads(content: bytes) -> None:
    """Refuses a file that the runtime does not prepare, our delegate at hand; see `check`."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    delegates = delegates_for(content)
    try:
        # The builtin kernels check types and shapes; XNNPACK would pack weights only for this.
        Interpreter(
            model_content=content,
            num_threads=1,
            experimental_delegates=delegates,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        ).allocate_tensors()
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"the runtime refuses the model: {reason}") from error


def check_operators(file: TfliteFile, *, custom_allowed: frozenset[str] = frozenset()) -> None:
    """Refuses operators that are not builtin; see `check`."""
    for code in file.model.operatorCodes:
        name = file.code_name(code)
        if name in _VARIABLES:
            raise ModelError(
                f"the converted model holds {name}: its weights are variables and not constants; "
                "build the layers before converting and keep no state in call()"
            )
        if builtin_code(code) != schema.BuiltinOperator.CUSTOM or name in custom_allowed:
            continue
        if name.startswith("Flex"):
            raise ModelError(
                f"the converted model holds {name}, a TensorFlow operator that stock runtimes do "
                "not have: rewrite the layer that needs it with operators TFLite has"
            )
        raise ModelError(
            f"the converted model holds the custom operator {name!r}, which no stock runtime has: "
            "remove it or serve it with a delegate"
        )


def check_packed(content: bytes, given: bytes) -> None:
    """Refuses a packed file that the runtime does not prepare, though it prepares the one given.

    A model may need its inputs resized first. A file with custom operators of others is left to
    those who serve them.
    """
    file = read(content)
    custom = (
        file.code_name(code)
        for code in file.model.operatorCodes
        if builtin_code(code) == schema.BuiltinOperator.CUSTOM
    )
    if not set(custom) <= CUSTOM_CODES:
        return
    try:
        check_loads(content)
    except ModelError:
        if _loads(given):
            raise


def _loads(content: bytes) -> bool:
    try:
        check_loads(content)
    except ModelError:
        return False
    return True
