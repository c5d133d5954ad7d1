"""Killed at random and started again, a sweep ends with every run exactly once."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.sweep import kill_often
from tfcompress.sweep import read_rows
from tfcompress.worker import Worker

NUM_KILLS = 10


def test_every_run_is_there_exactly_once(tmp_path: Path):
    script = Path(kill_often.__file__)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(NUM_KILLS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == [str(NUM_KILLS)]
    found = Counter(row["key"] for row in read_rows(tmp_path))
    assert found == Counter(
        artefact.key for artefact in (*kill_often.LESS, *kill_often.PLAN.artefacts)
    )
    assert len(found) == 48 + 16


def test_what_a_killed_caller_began_ends_too(tmp_path: Path):
    script = (
        "from pathlib import Path; from tfcompress.worker import Worker;"
        f"w = Worker('fake_unit:sleep', {{}}, log=Path({str(tmp_path / 'log')!r}));"
        "print('started', flush=True); w.read()"
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    caller = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert caller.stdout is not None
    assert caller.stdout.readline() == "started\n"
    pid = int(eventually(lambda: (tmp_path / "log").read_text().strip()))
    assert is_alive(pid)
    assert list(temporary.glob("*/*"))
    caller.send_signal(signal.SIGKILL)
    caller.wait()
    caller.stdout.close()
    assert eventually(lambda: not is_alive(pid))
    assert not list(temporary.iterdir())


def test_what_a_killed_process_had_in_temporary_files_is_gone(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    worker = Worker("fake_unit:sleep", {}, log=tmp_path / "log")
    eventually(lambda: (tmp_path / "log").read_text().strip())
    assert list(tmp_path.glob("temporary/*/*"))
    worker.kill()
    assert not list(tmp_path.glob("temporary/*"))


def eventually(value, seconds: float = 20.0):
    """The first true value that the function gives."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := value():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that has ended stays in the table until whoever adopted it looks.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
