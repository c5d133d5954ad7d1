"""Packed files open in Model Explorer, through both of its readers (one goes by MLIR)."""

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
