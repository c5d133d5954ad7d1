import pytest

from tfcompress.tflite.runtime.open import open_model


@pytest.fixture
def opened(tmp_path):
    """Opens a file with the delegate."""

    def open_file(file, **options):
        path = tmp_path / "packed.tflite"
        path.write_bytes(file.to_bytes())
        return open_model(path, **options)

    return open_file
