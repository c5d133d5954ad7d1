"""What a measurement was made on: nothing that names the machine or its user."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

_PACKAGES = ("tfcompress", "ai-edge-litert", "numpy")


def environment() -> dict[str, Any]:
    """The processor, the system and the versions that latency, memory and quality depend on.

    Returns:
        dict with the keys `cpu`, `cores` (those this process may use), `os`, `python` and
        `versions`.
    """
    return {
        "cpu": _cpu_model(),
        "cores": _cores(),
        "os": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        # ARM kernels have no "model name"; the board's name stands under "Hardware".
        if key.strip() in {"model name", "Hardware"} and value.strip():
            return value.strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
