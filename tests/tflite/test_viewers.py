"""Packed files open in Model Explorer, through both of its readers (one goes by MLIR).

Both verify a file by the schema first: every offset, vector and string of it.
"""

import json

import pytest

from tests.tflite.lookup_models import lookup_model, table
from tfcompress.tflite.packing.pack import pack


@pytest.mark.parametrize(
    "how", [{"target": "delegate"}, {"decoder": "few-ids"}, {"decoder": "many-ids"}]
)
def test_model_explorer_opens_packed_files(tmp_path, how):
    explorer = pytest.importorskip("ai_edge_model_explorer_adapter")
    path = tmp_path / "packed.tflite"
    path.write_bytes(pack(lookup_model(table("int8", 9000)), codec="indexed", **how))
    config = explorer.VisualizeConfig()
    shown = json.loads(explorer.ConvertFlatbufferDirectlyToJson(config, str(path)))
    labels = [node["label"] for node in shown[0]["subgraphs"][0]["nodes"]]
    assert ("tfcompress.lookup" if "target" in how else "gather") in str(labels).lower()
    assert "rows" in explorer.ConvertFlatbufferToJson(config, str(path), True)


def test_model_explorer_verifies_files_by_the_schema(tmp_path):
    explorer = pytest.importorskip("ai_edge_model_explorer_adapter")
    config, path = explorer.VisualizeConfig(), tmp_path / "damaged.tflite"
    content = bytearray(pack(lookup_model(table("int8", 9000)), codec="indexed", target="delegate"))
    content[content.index(b"table\0") + 5] = ord("s")  # a string that no zero ends
    path.write_bytes(content)
    with pytest.raises(RuntimeError, match="Failed to build model"):
        explorer.ConvertFlatbufferDirectlyToJson(config, str(path))
    with pytest.raises(RuntimeError, match="Failed to convert Flatbuffer"):
        explorer.ConvertFlatbufferToJson(config, str(path), True)
