"""The files that take longest start first, so that no worker ends alone with one of them."""

from pathlib import Path

import pytest

LONGEST = (
    "test_readme.py",
    "training/test_resume.py",
    "layers/test_contract.py",
    "training/test_loop.py",
    "search/test_file_search.py",
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
