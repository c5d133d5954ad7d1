"""A part of a Markdown file that the report command writes."""

import pytest

from tests.report.sweep_rows import small_sweep
from tfcompress_cli.main import run

TWICE = "<!-- results -->\nx\n<!-- end of results -->\n"


def test_one_command_puts_tables_and_picture_into_a_readme(tmp_path, monkeypatch):
    def to_png(panels, *, latency=True):
        return b"both" if latency else b"quality alone"

    monkeypatch.setattr("tfcompress.report.picture.to_png", to_png)
    readme = tmp_path / "README.md"
    before, after = (
        "# Title\n<!-- results: docs/results.png -->\n",
        "<!-- end of results -->\nend\n",
    )
    readme.write_text(before + "old\n" + after)
    folder = small_sweep(tmp_path / "sweep")
    (tmp_path / "docs").mkdir()
    words = ["report", str(folder), "--into", str(readme)]
    assert run(words) == 0
    text = readme.read_text()
    # The lines it looks for are still there, for the next time.
    assert text.startswith(before + "![")
    assert text.endswith(after)
    assert text.count("| shop, untied |") == 3
    assert (tmp_path / "docs" / "results.png").read_bytes() == b"quality alone"
    assert (folder / "report.png").read_bytes() == b"both"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_rest_of_a_marked_file_stays_as_it_is(tmp_path, end):
    before = f"\ufefftitle{end}mixed\n<!-- results -->{end}".encode()
    after = f"<!-- end of results -->{end}{end}last\r\n".encode()
    readme = tmp_path / "README.md"
    readme.write_bytes(before + b"old\n" + after)
    folder = small_sweep(tmp_path / "sweep")
    for _ in range(2):
        assert run(["report", str(folder), "--into", str(readme)]) == 0
        written = readme.read_bytes()
        assert (written[: len(before)], written[-len(after) :]) == (before, after)
        inside = written[len(before) : -len(after)].decode()
        assert inside.count("\n") == inside.count(end) > 10
        assert ("\r" in inside) == (end == "\r\n")


@pytest.mark.parametrize("text", ["none", "<!-- results -->\n", 2 * TWICE])
def test_a_file_without_one_place_is_one_line(tmp_path, text, capsys):
    readme = tmp_path / "README.md"
    readme.write_text(text)
    assert run(["report", str(small_sweep(tmp_path)), "--into", str(readme)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "README.md: has" in said
    assert "expected one" in said
    assert readme.read_text() == text
