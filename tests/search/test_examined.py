"""Measures of the user's own."""

import numpy as np
import pytest

from tfcompress.errors import ConfigError
from tfcompress.search.examined import examined


def test_a_quality_is_its_own_companion():
    assert examined(lambda subject: subject)(0.5) == (0.5, 0.5)
    assert examined(np.float32)(0.5) == (0.5, 0.5)
    assert examined(lambda subject: (subject, 3))(0.5) == (0.5, 3.0)


@pytest.mark.parametrize("given", [float("nan"), (0.5, float("inf")), None, "good", (1, 2, 3), {}])
def test_what_is_no_quality_is_refused(given):
    with pytest.raises(ConfigError, match="examine: gave"):
        examined(lambda subject: given)(0.5)
