from pathlib import Path

import pytest

from tfcompress.errors import ConfigError, CorruptTableError, ModelError, first_line, naming


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


@pytest.mark.parametrize("kind", [ModelError, CorruptTableError])
def test_errors_about_a_file_begin_with_its_name(kind):
    with pytest.raises(kind, match=r"^m\.tflite: it is damaged$"), naming(Path("m.tflite")):
        raise kind("it is damaged")


def test_errors_about_something_else_stay_as_they_are():
    with pytest.raises(ConfigError, match=r"^codec: got 'zip'$"), naming(Path("m.tflite")):
        raise ConfigError("codec: got 'zip'")
