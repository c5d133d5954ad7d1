import pytest

from tfcompress.errors import first_line


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("bad table"), "bad table"),
        (ValueError("\n  bad table \nat row 3"), "bad table"),
        (ValueError(), "ValueError"),
        (RuntimeError("x" * 1000), "x" * 300),
    ],
)
def test_what_another_library_says_becomes_one_line(error, said):
    assert first_line(error) == said
