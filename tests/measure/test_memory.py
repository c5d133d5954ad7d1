import json
import subprocess
import sys
from pathlib import Path

import pytest

from tfcompress.errors import ModelError
from tfcompress.measure import memory as memory_module
from tfcompress.measure.inputs import find_inputs
from tfcompress.measure.measurement import Memory
from tfcompress.measure.memory import measure_memory

PROBE = Path(memory_module.__file__).with_name("memory_probe.py")
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(), reason="no /proc/self/smaps_rollup"
)


def measured(model, **arguments):
    return measure_memory(model.path, find_inputs(model.open(), model.info), **arguments)


@needs_proc
def test_reading_every_row_maps_the_whole_file_and_copies_nothing(large):
    plain, _ = large
    memory, note = measured(plain)
    file_bytes = plain.path.stat().st_size
    assert note is None
    assert 0.99 * file_bytes <= memory.peak_file <= file_bytes + 512 * 1024
    assert memory.peak_anonymous < 0.1 * file_bytes
    assert 0 < memory.after_load < 0.5 * file_bytes
    assert memory.peak == memory.peak_anonymous + memory.peak_file


@needs_proc
def test_a_table_that_is_decoded_as_a_whole_shows(large):
    plain, half = large
    memory, _ = measured(half)
    # The converter's float16 file dequantises the whole table to float32.
    assert memory.peak_anonymous > 0.99 * 40_000 * 64 * 4
    assert memory.peak_file < 0.6 * plain.path.stat().st_size


@needs_proc
def test_rows_not_read_in_time_are_told(large):
    memory, note = measured(large[0], read_seconds=0)
    assert note == "peak after 50 of 40,000 ids: time was up"
    assert memory.peak_file < large[0].path.stat().st_size / 2


@needs_proc
def test_a_model_without_ids_is_measured_too(several_inputs):
    memory, note = measured(several_inputs)
    assert note is None
    assert min(memory.after_load, memory.peak_anonymous, memory.peak_file) >= 0


def test_a_file_the_runtime_refuses_is_the_models_error(tmp_path):
    path = tmp_path / "broken.tflite"
    path.write_bytes(b"not a model" * 100)
    with pytest.raises(ModelError, match="the memory probe failed: ") as failure:
        measure_memory(path, [])
    assert "\n" not in str(failure.value)


def test_the_probe_imports_the_runtime_and_little_else():
    script = (
        "import runpy, sys; runpy.run_path(sys.argv[1]);"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, PROBE], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert {"numpy", "ai_edge_litert"} <= loaded
    assert not loaded & {"tensorflow", "keras", "jax", "tfcompress", "pyarrow", "rich"}


def test_a_system_that_does_not_tell_gives_nulls_and_a_reason(tmp_path, ranker, monkeypatch):
    # The probe of a system without /proc.
    probe = tmp_path / "probe.py"
    probe.write_text(PROBE.read_text().replace('Path("/proc/self")', f"Path({str(tmp_path)!r})"))
    monkeypatch.setattr(memory_module, "_PROBE", probe)
    memory, note = measured(ranker)
    assert memory == Memory(None, None, None)
    assert memory.peak is None
    assert json.dumps(memory.to_json()).count("null") == 3
    assert "smaps_rollup" in note
