from pathlib import Path

from tfcompress.measure.labels import short_names


def test_names_tell_files_apart_by_as_few_folders_as_needed():
    def names(*paths):
        return short_names([Path(path) for path in paths])

    assert names("a/x.tflite", "b/y.tflite") == ["x.tflite", "y.tflite"]
    assert names("run/a/m.tflite", "run/b/m.tflite") == ["a/m.tflite", "b/m.tflite"]
    assert names("a/c/m.tflite", "b/c/m.tflite") == ["a/c/m.tflite", "b/c/m.tflite"]
    assert names("m.tflite", "m.tflite") == ["m.tflite", "m.tflite"]
    assert names() == []
