import getpass
import json
import platform
from pathlib import Path

from tfcompress.measure.environment import environment


def test_says_what_the_numbers_depend_on():
    found = environment()
    assert set(found) == {"cpu", "cores", "os", "python", "versions"}
    assert found["cores"] >= 1
    assert found["cpu"]
    assert set(found["versions"]) == {"tfcompress", "ai-edge-litert", "numpy"}
    assert all(found["versions"].values())


def test_names_neither_the_machine_nor_its_user():
    written = json.dumps(environment())
    words = written.replace('"', " ").replace(",", " ").split()
    assert platform.node() not in words
    assert getpass.getuser() not in words
    assert str(Path.home()) not in written
    assert "/" not in written
