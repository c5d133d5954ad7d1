"""Units of work that take no time; the processes of sweeps in tests call them."""

import hashlib
import json
import os
import signal
import tempfile
import time


def answer(job):
    time.sleep(0.01)
    return row(job["config"])


def reused(job):
    return row(job["config"]) | {"reused": True}


def measurement(asked):
    """Of an empty file: what was asked for, and one quality for all."""
    return {
        "file_bytes": 0,
        "quality": {"ndcg@10": 0.5},
        "latency_us": {"1": {"p50": 5.0, "p95": 6.0}} if asked["latency"] else {},
        "memory_bytes": {"peak_file": 7 if asked["memory"] else None},
    }


def row(config):
    return {
        "key": key(config),
        "config": config,
        "status": "done",
        "error": None,
        "stage": None,
        "file": None,
        "measurement": measurement(config["measured"]),
        "valid": None,
        "seconds": {"training": 0.0, "conversion": 0.01},
    }


def key(config):
    """Of an artefact, as the format of the results says it."""
    text = json.dumps(without_none(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def without_none(value):
    if isinstance(value, dict):
        return {name: without_none(part) for name, part in value.items() if part is not None}
    return value


def seed(job):
    return job["config"]["training"]["config"]["seed"]


def some_fail(job):
    """Seed 0 fails in training, seed 1 dies, seed 2 answers nothing."""
    made = row(job["config"])
    if seed(job) == 0:
        return made | {"status": "failed", "error": "too wide", "stage": "training"}
    if seed(job) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if seed(job) == 2:
        raise RuntimeError("a fault")
    return made


def only_again(job):
    """Has to have been made; of seed 0 the file is gone."""
    if job["before"] is None:
        raise RuntimeError("it would be made anew")
    made = row(job["config"])
    return made | ({"status": "failed", "error": "gone"} if seed(job) == 0 else {})


def sleep(job):
    tempfile.mkdtemp()
    print(os.getpid(), flush=True)  # On the standard error: the output is for the answer.
    time.sleep(60)
