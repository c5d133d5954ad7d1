"""What is known of a file's rows beside it."""

from types import SimpleNamespace

import numpy as np
import pytest

from tfcompress.search.tflite_file.quality import stored_counts
from tfcompress.vocabulary import Vocabulary, as_tokens


@pytest.mark.parametrize("counts", [[3, 1], [0, 0]])
def test_a_vocabulary_that_nothing_was_read_of_counts_nothing(tmp_path, counts):
    vocabulary = Vocabulary(as_tokens(["a", "b"]), np.array(counts))
    vocabulary.save(tmp_path / "vocabulary.parquet")
    info = SimpleNamespace(metadata={"trained_on": {"vocabulary_sha256": vocabulary.sha256}})
    found = stored_counts(tmp_path / "m.tflite", info)
    assert (None if found is None else found.tolist()) == ([0, 0, 3, 1] if counts[0] else None)
