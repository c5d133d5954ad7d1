from pathlib import Path

import pytest

from tfcompress.sweep import Artefact, Grid, expand


@pytest.fixture(autouse=True)
def fake_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets processes import `fake_unit`."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def artefacts(**axes: object) -> list[Artefact]:
    """Those of a grid on the synthetic data."""
    return list(expand(Grid.parse({"data": "synthetic", **axes})).artefacts)
