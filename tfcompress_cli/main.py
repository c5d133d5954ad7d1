"""The entry point: registers the commands and turns errors into one line and an exit code.

Exit codes: 0 done, 1 a fault in tfcompress itself, 2 bad input or usage, 130 interrupted.
"""

import sys
from typing import Annotated

import typer

from tfcompress import __version__
from tfcompress.errors import TfcompressError
from tfcompress_cli import console, convert, demo, inspect, measure, train

app = typer.Typer(
    name="tfcompress",
    help="Small embedding tables for on-device models: train, convert, measure.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (demo.demo, train.train, convert.convert, inspect.inspect, measure.measure):
    app.command()(command)


def _print_version(value: bool) -> None:
    if value:
        console.out.print(f"tfcompress {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show it.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    """Small embedding tables for on-device models: train, convert, measure."""


def main() -> None:
    """Runs the command line; `--debug` may stand anywhere."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(arguments)
    except TfcompressError as error:
        if debug:
            raise
        _fail(str(error), 2)
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    except Exception as error:
        if debug:
            raise
        _fail(f"{type(error).__name__}: {error} (a fault in tfcompress; see it with --debug)", 1)


def _fail(message: str, code: int) -> None:
    line = " ".join(message.split())
    console.err.print(f"[bold red]error:[/] {_escape(line)}", highlight=False, soft_wrap=True)
    raise SystemExit(code)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
