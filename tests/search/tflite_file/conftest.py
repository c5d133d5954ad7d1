import pytest


@pytest.fixture(scope="session")
def files():
    """One model in the number types that there are, by name."""
    from tests.search.tflite_file.rankers import METADATA, ranker
    from tfcompress import tflite
    from tfcompress.peers import convert_peer

    model = ranker()
    made = {
        dtype: tflite.convert(model, table_dtype=dtype, metadata=METADATA)
        for dtype in ("float32", "float16", "int8", "int4")
    }
    made["int8-table"] = tflite.convert(model, table_dtype="int8", granularity="per_table")
    made["packed"] = tflite.pack(made["int4"], codec="raw", target="delegate")
    for peer in ("edge-int8", "edge-int4", "converter-default", "edge-int8-whole"):
        made[peer] = convert_peer(peer, model, metadata=METADATA)
    return made
