"""What holds for all tests: the order of their files, and the patience of Hypothesis."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Times of a busy machine say nothing about the code.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

# They start first, so that no worker ends alone with one of them.
LONGEST = (
    "test_readme.py",
    "training/test_resume.py",
    "layers/test_contract.py",
    "training/test_loop.py",
    "search/tflite_file/test_search.py",
    "search/tflite_file/test_scores.py",
    "cli/test_budget.py",
    "codec/test_packing.py",
    "tflite/test_pack_models.py",
    "layers/test_backends.py",
    "native/test_delegate_driver.py",
    "cli/test_sweep.py",
    "peers/test_peers.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    root = Path(__file__).parent
    place = {root / name: index for index, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))
