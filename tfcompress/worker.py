"""A function called in a process of its own: one line of JSON in, one line of JSON out.

The standard input of the process stays open as long as its caller lives. When it closes, however
the caller ended, the process ends too: nothing that a killed sweep began goes on behind its back.
Its temporary files lie in a folder of its own, which is removed by whoever of the two lives longer.
"""

import contextlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfcompress.errors import TfcompressError

Answer = dict[str, Any]


class DiedError(TfcompressError):
    """The process ended without an answer; the message says how."""


class Worker:
    """A running call.

    Args:
        function: str. "package.module:function": dict -> dict, both as JSON has them.
        job: dict. Its argument.
        environment: mapping. Variables to set.
        log: Path or None. Takes what the process writes to its standard error; None: ours does.
    """

    def __init__(
        self,
        function: str,
        job: Mapping[str, Any],
        *,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self._said = b""
        self._temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        place = self._temporary.name
        command = [sys.executable, "-P", "-m", __name__, function, place]
        stderr = None if log is None else log.open("wb")
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env={**os.environ, **(environment or {}), "TMPDIR": place},
                bufsize=0,
            )
        finally:
            if stderr is not None:
                stderr.close()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        with contextlib.suppress(BrokenPipeError):  # It ended at once; `answer` says how.
            self._stdin.write(json.dumps(job).encode() + b"\n")

    def fileno(self) -> int:
        """What to wait on: it is readable when `read` has something to do."""
        return self._stdout.fileno()

    def read(self) -> bool:
        """Takes what the process says; whether it has said everything."""
        chunk = self._stdout.read(1 << 16)
        self._said += chunk or b""
        return not chunk

    def answer(self) -> Answer:
        """What the function returned, once `read` was true.

        Raises:
            DiedError: the process ended without it.
        """
        code = self._process.wait()
        self._close()
        try:
            answer: Answer = json.loads(self._said)
        except ValueError:
            raise DiedError(_how_it_ended(code)) from None
        return answer

    def kill(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()
        self._close()

    def _close(self) -> None:
        self._stdin.close()
        self._stdout.close()
        self._temporary.cleanup()


def call(
    function: str, job: Mapping[str, Any], *, environment: Mapping[str, str] | None = None
) -> Answer:
    """Calls a function in a process and waits for the answer; see `Worker`."""
    worker = Worker(function, job, environment=environment)
    while not worker.read():
        pass
    return worker.answer()


def _how_it_ended(code: int) -> str:
    if code < 0:
        hint = " (out of memory?)" if code == -9 else ""
        return f"the process was ended by signal {-code}{hint}"
    return f"the process ended with code {code} and no answer"


def main() -> None:
    """The process of a function and a folder for temporary files.

    The first line of the input is what the function is given.
    """
    # What libraries print is not the answer.
    out = os.dup(1)
    os.dup2(2, 1)
    job = json.loads(_first_line())
    threading.Thread(target=_end_with_caller, daemon=True).start()
    module, _, name = sys.argv[1].partition(":")
    answer = getattr(importlib.import_module(module), name)(job)
    content = json.dumps(answer).encode() + b"\n"
    while content:
        content = content[os.write(out, content) :]
    sys.stderr.flush()
    # At once: frameworks take seconds to tear down what the system frees anyway.
    os._exit(0)


def _first_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        chunk = os.read(0, 1 << 16)
        if not chunk:
            os._exit(1)
        line += chunk
    return line


def _end_with_caller() -> None:
    while os.read(0, 1):
        pass
    shutil.rmtree(sys.argv[2], ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    main()
