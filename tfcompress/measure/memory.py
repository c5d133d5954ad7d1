"""How much memory a .tflite takes, seen in a process that does nothing else.

`memory_probe.py` runs in a fresh interpreter with NumPy and ai_edge_litert only. It loads the file,
then reads every row of the tables once through the model's inputs, one example at a time as a
device does: ids 0, 1, 2, ... in order. Anonymous and file-backed pages are kept apart, because
the system can drop the latter at any time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tfcompress.errors import ModelError
from tfcompress.measure.inputs import ModelInput
from tfcompress.measure.measurement import Memory

_PROBE = Path(__file__).with_name("memory_probe.py")
# Beyond this the probe stops reading rows, and the time its start may take on a busy machine.
READ_SECONDS = 120.0
_START_SECONDS = 300.0


def measure_memory(
    path: Path, inputs: Sequence[ModelInput], *, read_seconds: float = READ_SECONDS
) -> tuple[Memory, str | None]:
    """Runs the probe on one file.

    Args:
        path: Path. The .tflite file.
        inputs: sequence of ModelInput. What `find_inputs` said.
        read_seconds: float. Time after which no more rows are read.

    Returns:
        `Memory`, and what a reader must know: why values are missing (a system without /proc), or
        how many rows were read when the time was up. None when there is nothing to say.

    Raises:
        ModelError: The probe failed on the file.
    """
    from tfcompress.native import DELEGATE_LIBRARY
    from tfcompress.tflite.runtime.delegate import needs_delegate

    plan = {
        "path": str(Path(path).resolve()),
        "delegate": str(DELEGATE_LIBRARY) if needs_delegate(Path(path)) else None,
        "inputs": [{**current.to_json(), "shape": current.batch_shape(1)} for current in inputs],
        "read_seconds": read_seconds,
    }
    # -P keeps this folder out of the probe's import path.
    command = [sys.executable, "-P", str(_PROBE)]
    timeout = read_seconds + _START_SECONDS
    try:
        done = subprocess.run(
            command,
            input=json.dumps(plan),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"the memory probe gave no answer in {timeout:.0f} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise ModelError(f"the memory probe failed: {lines[-1]}")
    answer = json.loads(done.stdout.splitlines()[-1])
    if "reason" in answer:
        return Memory(), answer["reason"]
    memory = Memory(answer["after_load"], answer["peak_anonymous"], answer["peak_file"])
    if answer["ids_read"] < answer["ids"]:
        return memory, f"peak after {answer['ids_read']:,} of {answer['ids']:,} ids: time was up"
    return memory, None
