"""The entry point: registers the commands and turns errors into one line and an exit code.

Exit codes: 0 done, 1 a fault in tfcompress itself, 2 bad input or usage, 130 interrupted.
"""

import os
import sys
from itertools import pairwise
from typing import Annotated

import typer
from rich.text import Text

from tfcompress import __version__
from tfcompress.errors import ConfigError, TfcompressError
from tfcompress_cli import (
    codec,
    console,
    convert,
    demo,
    inspect,
    interrupts,
    measure,
    pack,
    report,
    sweep,
    train,
)

INTERRUPT_CODE = 130
INTERRUPTED = "interrupted; a training goes on with --resume, a sweep with the same command"
MAY_BE_EMPTY = ("--hidden-units",)
"""Options that an empty word says something to."""

app = typer.Typer(
    name="tfcompress",
    help="Small embedding tables for on-device models: train, convert, measure.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (
    demo.demo,
    train.train,
    convert.convert,
    pack.pack,
    pack.unpack,
    inspect.inspect,
    measure.measure,
    codec.codec,
    sweep.sweep,
    report.report,
):
    app.command()(command)


def _print_version(value: bool) -> None:
    if value:
        console.say(f"tfcompress {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    """Small embedding tables for on-device models: train, convert, measure."""


def main() -> None:
    """What the `tfcompress` script runs."""
    if "--debug" not in sys.argv:
        console.silence_native_logs()
    with interrupts.noting():
        code = run(sys.argv[1:])
    raise SystemExit(code)


def run(arguments: list[str]) -> int:
    """Runs one command line and returns its exit code; `--debug` may stand anywhere in it."""
    debug = "--debug" in arguments
    words = [argument for argument in arguments if argument != "--debug"]
    try:
        _refuse_empty(words)
        result = app(words, prog_name="tfcompress", standalone_mode=False)
        if result == INTERRUPT_CODE:  # Typer says nothing of an interrupt.
            return _fail(INTERRUPTED, INTERRUPT_CODE)
        return result if isinstance(result, int) else 0
    except typer.Abort:
        return _fail(INTERRUPTED, INTERRUPT_CODE)
    except typer.TyperException as error:  # Wrong usage.
        describe = getattr(error, "format_message", error.__str__)
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "tfcompress"
        return _fail(f"{describe()} ({command} --help lists what there is)", 2)
    except KeyboardInterrupt:
        return _fail(INTERRUPTED, INTERRUPT_CODE)
    except BrokenPipeError:
        # The reader of a pipe has seen enough; nothing more can be written to it.
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
        return 0
    except TfcompressError as error:
        if debug:
            raise
        return _fail(str(error), 2)
    except OSError as error:
        if debug:
            raise
        named = error.filename is not None and error.strerror is not None
        return _fail(f"{error.filename}: {error.strerror}" if named else str(error), 2)
    except MemoryError as error:
        if debug:
            raise
        return _fail(f"not enough memory for this: {error}", 2)
    except Exception as error:
        if debug:
            raise
        return _fail(f"{type(error).__name__}: {error} (a fault of tfcompress; see --debug)", 1)


def _refuse_empty(words: list[str]) -> None:
    """Raises `ConfigError` for an empty word, such as a variable of the shell that is not set.

    As a path it would be the current folder, before any command could tell the two apart.
    """
    parts: list[str] = []
    for word in words:
        parts += word.split("=", 1) if word.startswith("--") else [word]
    for name, part in pairwise(["tfcompress", *parts]):
        if not part and name not in MAY_BE_EMPTY:
            raise ConfigError(f"{name}: got an empty word; say what is meant, or leave it out")


def _fail(message: str, code: int) -> int:
    line = Text.assemble(("error: ", "bold red"), " ".join(message.split()))
    console.err.print(line, soft_wrap=True)
    return code
