import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tfcompress import report
from tfcompress.measure.measurement import Latency, Measurement, Memory
from tfcompress.ranking_quality import RankingQuality
from tfcompress.report import text
from tfcompress.tflite.model_info import ModelInfo, TableInfo

ENVIRONMENT = {
    "cpu": "Some CPU",
    "cores": 2,
    "os": "Linux x86_64",
    "python": "3.11.9",
    "versions": {"tfcompress": "0.1.0", "ai-edge-litert": "2.3.0", "numpy": "2.4.6"},
}
FULL = 23715 * 64 * 4
DENSE = 6_266_040
TABLE = TableInfo("item_embedding", 23715, 64, "float32", "none", FULL, 32.0, None)


def sizes(tables, dense, graph, full_tables):
    total = tables + dense + graph
    return ModelInfo(total, (TABLE,), tables, dense, graph, 0, (), {}, (), (), None, full_tables)


def measurement(name, table_bytes, ndcg, times, file_pages):
    size = sizes(table_bytes, DENSE, 5000, FULL)
    return Measurement(
        name,
        size,
        ENVIRONMENT,
        RankingQuality(ndcg, 2 * ndcg, 10, 31013, 120, True),
        {b: Latency(time, 2 * time) for b, time in zip((1, 32), times, strict=True)},
        Memory(500_000, 3_500_000, file_pages),
    )


FOUR = [
    measurement("full.tflite", FULL, 0.0465, (812.3, 6150.2), 12_600_000),
    measurement("full-int8.tflite", FULL // 4, 0.04641, (790.1, 6011.2), 8_000_000),
    measurement("hash16.tflite", FULL // 16, 0.0328, (4.256, 60.12), 6_900_000),
    measurement("memcom16.tflite", FULL // 16, 0.0, (798.3, 6210.2), 6_900_000),
]
FOREIGN = Measurement(
    "recommendation_rnn_i10o100.tflite",
    sizes(253_000, 260_000, 8_496, 253_000),
    ENVIRONMENT,
    latency={1: Latency(31.7, 40.0)},
    notes={"quality": "no ranker", "memory": "no /proc"},
)


def printed(measurements, width, **options):
    stream = io.StringIO()
    Console(file=stream, width=width).print(report.table(measurements), **options)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("width", [80, 104])
def test_the_table_looks_as_it_did(width):
    """One line per file where the columns fit, two where they do not."""
    golden = Path(__file__).parent.parent / "golden" / f"report_{width}.txt"
    assert printed([*FOUR, FOREIGN] if width == 80 else FOUR, width) == (
        golden.read_text(encoding="utf-8").splitlines()
    )


@pytest.mark.parametrize("width", [30, 50])
def test_numbers_stay_whole_where_the_terminal_is_too_narrow(width):
    lines = printed(FOUR, width, crop=False)
    assert "full      11.77 MiB   5.79 MiB    0.0465     812  15.35 MiB" in lines
    assert not any("…" in line for line in lines)


@pytest.mark.parametrize("width", [80, 100, 104, 120])
@pytest.mark.parametrize("measurements", [FOUR, [*FOUR, FOREIGN], [FOREIGN]])
def test_nothing_is_cut_off(measurements, width):
    lines = printed(measurements, width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "…" not in text
    for entry in measurements:
        assert entry.file.removesuffix(".tflite") in text
        assert report.bytes_text(entry.size.file_bytes) in text
        assert report.ratio_text(entry.size.file_ratio) in text
        assert report.ratio_text(entry.size.table_ratio) in text
        for latency in entry.latency.values():
            assert report.time_text(latency.p50) in text
        if entry.quality:
            assert f"{entry.quality.ndcg:.4f}" in text


def test_the_loss_is_relative_to_the_first_file():
    rows = list(csv.reader(io.StringIO(report.to_markdown(FOUR)), delimiter="|"))
    head = [cell.strip() for cell in rows[0]]
    change = [row[head.index("change")].strip() for row in rows[2:6]]
    assert change == ["-", "-0.2 %", "-29.5 %", "-100.0 %"]


def test_no_loss_without_a_reference():
    assert "change: " not in report.to_markdown([FOREIGN, *FOUR])
    assert "-29.5 %" not in report.to_markdown([FOREIGN, *FOUR])
    zero = [FOUR[3], FOUR[0]]
    assert "%" not in report.to_markdown(zero)


def test_columns_that_nobody_has_are_left_out():
    text = report.to_markdown([FOREIGN])
    assert text.splitlines()[0] == "| model | file | ratio | tables | ratio | µs b1 |"


def test_notes_say_why_and_of_which_file():
    lines = report.notes([*FOUR, FOREIGN])
    assert "quality of recommendation_rnn_i10o100.tflite: no ranker" in lines
    assert "memory of recommendation_rnn_i10o100.tflite: no /proc" in lines
    assert "quality: no ranker" in report.notes([FOREIGN])
    assert any("31,013 users" in line and "seen items left out" in line for line in lines)
    assert lines[-1].startswith("Some CPU, 2 cores, Linux x86_64, tfcompress 0.1.0")


def test_short_lists_are_told():
    quality = replace(FOUR[0].quality, top_k=20, short_lists=1234)
    lines = report.notes([replace(FOUR[0], quality=quality)])
    expected = "quality of full.tflite: 1,234 lists of 20 held fewer than 10 unseen items"
    assert expected in lines


def test_json_is_one_object_per_file():
    written = json.loads(report.to_json([*FOUR, FOREIGN]))
    assert [entry["file"] for entry in written] == [m.file for m in [*FOUR, FOREIGN]]
    assert written[0] == json.loads(json.dumps(FOUR[0].to_json()))


def test_csv_has_one_row_per_file_and_no_column_twice():
    rows = list(csv.DictReader(io.StringIO(report.to_csv([FOREIGN, *FOUR]))))
    assert [row["file"] for row in rows] == [m.file for m in [FOREIGN, *FOUR]]
    assert rows[1]["quality.ndcg@10"] == "0.0465"
    assert rows[0]["quality.ndcg@10"] == ""
    assert rows[1]["latency_us.32.p50"] == "6150.2"
    assert float(rows[3]["ratio.table"]) == pytest.approx(16, rel=1e-4)
    assert "quality" not in rows[0]
    assert rows[0]["notes.memory"] == "no /proc"


def test_a_bar_in_a_name_does_not_break_the_markdown():
    odd = replace(FOREIGN, file="a|b.tflite")
    assert "| a\\|b.tflite |" in report.to_markdown([odd])


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "-"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1000 * 1024, "0.98 MiB"),
        (25_600_000, "24.41 MiB"),
        (5 << 30, "5.00 GiB"),
    ],
)
def test_sizes(count, text):
    assert report.bytes_text(count) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.5, "0.50"), (4.256, "4.26"), (31.66, "31.7"), (6150.2, "6,150")],
)
def test_times(value, text):
    assert report.time_text(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (15.84, "15.8x"), (153.2, "153x")])
def test_ratios(value, text):
    assert report.ratio_text(value) == text


def test_the_report_needs_no_framework():
    script = "import tfcompress.report, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"tensorflow", "keras", "jax", "ai_edge_litert"}


def test_a_machine_of_one_core_has_one():
    told = text.machine_text({**ENVIRONMENT, "cores": 1}, left_out=["numpy"])
    assert told == "Some CPU, 1 core, Linux x86_64, tfcompress 0.1.0, ai-edge-litert 2.3.0"
