"""The process in which `memory.py` measures: a script that needs NumPy and ai_edge_litert only.

Reads a plan from standard input and prints one line of JSON:

    plan    {"path", "delegate", "inputs": [{"index", "shape", "dtype", "limit"}], "read_seconds"}
    answer  {"after_load", "peak_anonymous", "peak_file", "ids", "ids_read"}, bytes and numbers of
            ids, or {"reason"} on a system that does not tell

All numbers are growth over the moment before the file is opened. Every library is paged in before
that moment: the runtime's own code is a few megabytes of clean pages that all models share, and
which of them a small model touches would hide the model itself.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, load_delegate

_PROC = Path("/proc/self")
_KIB = 1024
_MADV_POPULATE_READ = 22  # Linux 5.14; older kernels refuse and the code is paged in as it runs
_RESET_PEAK = "5"  # clear_refs: the peak becomes what is resident now
# The kernel keeps the counters behind its peak per core and sums them loosely; below this the peak
# says nothing that the pages counted now do not.
_PEAK_SLACK = 1 << 20


def resident() -> tuple[int, int]:
    """Anonymous and file-backed bytes in memory now, counted page by page."""
    fields = {}
    for line in (_PROC / "smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split()[:2]
        fields[name] = int(value) * _KIB
    return fields["Anonymous:"], fields["Rss:"] - fields["Anonymous:"]


def peak_resident() -> int:
    """The most bytes in memory at any moment since the start or the last reset."""
    for line in (_PROC / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * _KIB
    return 0


def page_in_libraries() -> None:
    """Reads every page of every mapped file, so that running code adds none later."""
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for line in (_PROC / "maps").read_text().splitlines():
        parts = line.split(maxsplit=5)
        if len(parts) == 6 and parts[5].startswith("/") and parts[1][0] == "r":
            start, end = (int(address, 16) for address in parts[0].split("-"))
            madvise(start, end - start, _MADV_POPULATE_READ)


def measure(plan: dict[str, Any]) -> dict[str, Any]:
    """Loads the model, reads every row, and says what that took."""
    inputs = plan["inputs"]
    values = [np.zeros(current["shape"], current["dtype"]) for current in inputs]
    orders = [np.arange(value.size).reshape(value.shape) for value in values]
    ids = max((current["limit"] or 0 for current in inputs), default=0)
    # An example whose inputs differ in size advances by the smallest that takes ids.
    sizes = [v.size for v, current in zip(values, inputs, strict=True) if current["limit"]]
    step = max(1, min(sizes, default=1))

    delegates = [load_delegate(plan["delegate"])] if plan["delegate"] else []
    page_in_libraries()
    resident(), peak_resident()  # the second time they allocate nothing new
    try:
        (_PROC / "clear_refs").write_text(_RESET_PEAK)
        peak_is_ours = True
    except OSError:
        peak_is_ours = False
    anonymous_before, file_before = resident()

    interpreter = Interpreter(
        model_path=plan["path"], num_threads=1, experimental_delegates=delegates
    )
    for current in inputs:
        interpreter.resize_tensor_input(current["index"], current["shape"])
    interpreter.allocate_tensors()
    after_load = sum(resident()) - anonymous_before - file_before

    read, deadline = 0, time.monotonic() + plan["read_seconds"]
    while True:
        for current, value, order in zip(inputs, values, orders, strict=True):
            if current["limit"]:
                np.remainder(order + read, current["limit"], out=value, casting="unsafe")
            interpreter.set_tensor(current["index"], value)
        interpreter.invoke()
        read += step
        if read >= ids or time.monotonic() > deadline:
            break
    anonymous, file = resident()
    peak_anonymous = anonymous
    if peak_is_ours:
        # File pages only come while rows are read, so there were at most as many at the peak as
        # now: what else was resident then was anonymous (a table decoded and freed again, say).
        at_peak = peak_resident() - file
        if at_peak > anonymous + _PEAK_SLACK:
            peak_anonymous = at_peak
    return {
        "after_load": max(0, after_load),
        "peak_anonymous": max(0, peak_anonymous - anonymous_before),
        "peak_file": max(0, file - file_before),
        "ids": ids,
        "ids_read": min(read, ids),
    }


def main() -> None:
    """Answers the plan on standard input."""
    plan = json.load(sys.stdin)
    if not (_PROC / "smaps_rollup").exists():
        print(json.dumps({"reason": "memory needs /proc/self/smaps_rollup (Linux 4.14 or later)"}))
        return
    print(json.dumps(measure(plan)))


if __name__ == "__main__":
    main()
