"""Rows of a sweep that nobody ran: plausible sizes and qualities, made from the settings alone."""

import json
import math
import random
from pathlib import Path

from tfcompress.sweep import Artefact, Grid, expand
from tfcompress.sweep.results import FILE, fail, new_row

FULL_BYTES = 20_000 * 64 * 4
BITS = {"float32": 32, "int8": 9.5, "int4": 5.5, "edge-int2": 3.5, "edge-int4-blocks": 4.5}
PEER_BITS = {"converter-default": 8, "keras-int8": 8.5, "edge-int8": 9.5, "edge-int4": 5.5}
LOSS = {"full": 0.0, "truncated": 0.05, "low-rank": 0.07, "qr": 0.03, "memcom": 0.04, "hash": 0.06}
ENVIRONMENT = {
    "cpu": "Some CPU",
    "cores": 2,
    "os": "Linux x86_64",
    "python": "3.11.9",
    "versions": {"tfcompress": "0.1.0", "numpy": "2.4.6"},
}


def plan(**axes) -> list[Artefact]:
    return list(expand(Grid.parse({"data": ["shop", "films"], **axes})).artefacts)


def large_plan() -> list[Artefact]:
    """More than 500 files."""
    return plan(
        embedding=list(LOSS),
        ratio=[4, 16],
        tie=[False, True],
        codec=["none", "auto"],
        seed=[0, 1, 2],
        table_dtype=["int8", "int4"],
    )


def row(artefact: Artefact) -> dict:
    config = artefact.training.config
    noise = random.Random(artefact.key)
    dtype = (artefact.table_dtype or artefact.method).removesuffix("-whole")
    bits = {**BITS, **PEER_BITS}[dtype] * (0.8 if artefact.codec else 1.0)
    tables = round(FULL_BYTES / config.ratio * bits / 32)
    loss = LOSS[config.embedding] * math.log2(max(config.ratio, 1))
    loss += {"int4": 0.01, "edge-int4": 0.015, "edge-int2": 0.12}.get(dtype, 0.001)
    quality = (0.05 if config.tie else 0.048) * (1 - loss) + noise.gauss(0, 0.0008)
    dense = 1_566_510 if artefact.method.endswith("-whole") else 6_266_040
    measurement = {
        "file": artefact.file_name,
        "file_bytes": tables + dense + 5000,
        "bytes": {"tables": tables, "dense": dense, "graph": 5000, "vocabulary": 0},
        "ratio": {"table": FULL_BYTES / tables, "file": 1.0},
        "tables": [],
        "embedding_snr_db": {},
        "quality": {"ndcg@10": quality, "hr@10": 2 * quality, "users": 999, "history_masked": True},
        "latency_us": {
            "1": {"p50": 30 + noise.uniform(0, 30), "p95": 99.0},
            "32": {"p50": 400 + noise.uniform(0, 300), "p95": 999.0},
        },
        "memory_bytes": {
            "after_load": tables // 2,
            "peak_anonymous": 1_500_000,
            "peak_file": tables + dense,
        },
        "environment": ENVIRONMENT,
    }
    return new_row(artefact) | {
        "file": f"files/{artefact.file_name}",
        "measurement": measurement,
        "valid": {"ndcg@10": quality},
        "seconds": {"training": 0.0, "conversion": 5.0, "measuring": 1.0},
        "jobs": 1,
    }


def failed_row(artefact: Artefact, error: str) -> dict:
    return fail(new_row(artefact), error, "training")


def write(folder: Path, rows: list[dict]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


QUALITIES = {"full float32": 0.05, "full int8": 0.0495, "qr 4x int8": 0.03, "full edge-int8": 0.05}
BYTES = {"full float32": 5e6, "full int8": 4e5, "qr 4x int8": 9e4, "full edge-int8": 13e5}

FILES = {"full float32": 9e6, "full int8": 3e6, "qr 4x int8": 1e6, "full edge-int8": 2e6}


def small_sweep(folder) -> Path:
    planned = plan(
        data="shop",
        embedding=["full", "qr"],
        ratio=4,
        method=["ours", "edge-int8"],
        table_dtype=["float32", "int8"],
        seed=[0, 1],
    )
    rows = []
    for artefact in planned:
        if artefact.label not in QUALITIES:
            continue
        one = row(artefact)
        seed = artefact.training.config.seed
        quality = QUALITIES[artefact.label] + 2e-4 * seed
        one["measurement"]["quality"]["ndcg@10"] = quality
        one["measurement"]["bytes"]["tables"] = int(BYTES[artefact.label])
        one["measurement"]["file_bytes"] = int(FILES[artefact.label])
        rows.append(one)
    return write(folder, rows)
