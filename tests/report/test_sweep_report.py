"""The page, the picture and the Markdown of a sweep."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.report.sweep_rows import (
    ENVIRONMENT,
    failed_row,
    large_plan,
    plan,
    row,
    small_sweep,
    write,
)
from tfcompress.errors import DataError
from tfcompress.report.page import to_html
from tfcompress.report.sweep import read_sweep
from tfcompress.report.sweep_markdown import summary_to_markdown, sweep_to_markdown
from tfcompress.sweep.artefact import Measured
from tfcompress_cli.main import run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
NASTY = 'memcom <b onload="x">&</b> reaches 9.1'


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """Of more than 500 runs."""
    artefacts = large_plan()
    rows = [row(artefact) for artefact in artefacts[:-1]]
    folder = write(tmp_path_factory.mktemp("sweep"), [*rows, failed_row(artefacts[-1], NASTY)])
    path = folder / "report.html"
    path.write_text(to_html(read_sweep(folder)), encoding="utf-8")
    return path


class _Tags(HTMLParser):
    VOID = frozenset({"meta", "link", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.counts: dict[str, int] = {}
        self.addresses: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_no_network(page):
    text = page.read_text()
    tags = _Tags()
    tags.feed(text)
    assert tags.open == []
    assert tags.counts["section"] == 4
    assert tags.counts["circle"] > 100
    assert all(address.startswith(("#", "data:")) for address in tags.addresses)
    assert not re.search(r"https?://|@import|url\(", text)
    ticks = re.findall(r'class="tick"[^>]*>([^<]*)<', text)
    assert {"30", "40"} < set(ticks)  # Microseconds.
    assert not any(tick.endswith(".0") for tick in ticks)
    assert any("memory: peak" in note for note in read_sweep(page.parent).measured)
    # What comes from outside is text.
    assert "memcom &lt;b onload=&quot;x&quot;&gt;&amp;&lt;/b&gt; reaches 9.1" in text


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page is not opened")
@pytest.mark.parametrize("width", [390, 1200])
def test_chromium_opens_it_without_errors(page, tmp_path, width):
    """On a phone nothing may be too small to read, on a small desk no column cut off."""
    probe = """
    <script>
    addEventListener("error", (event) => document.title += " ERROR " + event.message);
    addEventListener("load", () => {
      const section = document.querySelector("section");
      const heads = section.querySelectorAll(".all thead button");
      const first = () => section.querySelector(".all tbody tr").cells[2].textContent;
      heads[2].click(); const small = first(); heads[2].click(); const large = first();
      const input = section.querySelector("input");
      input.value = "qr int8"; input.dispatchEvent(new Event("input"));
      const rows = section.querySelectorAll(".all tbody tr:not([hidden])");
      const mark = section.querySelector(".plots .mark.reference");
      for (const one of document.querySelectorAll(".mark, .all tbody tr")) {
        for (const kind of ["mouseenter", "mouseleave"]) one.dispatchEvent(new Event(kind));
      }
      mark.dispatchEvent(new Event("mouseenter"));
      const tip = document.getElementById("tip").textContent.split("\\n")[0];
      const network = performance.getEntriesByType("resource").length;
      const tick = section.querySelector(".tick").getBoundingClientRect().height;
      const beyond = document.documentElement.scrollWidth - innerWidth;
      const isCut = (box) => box.scrollWidth > box.clientWidth;
      const cut = [...document.querySelectorAll(".scroll")].filter(isCut).length;
      const checked = ["checked", small, large, rows.length, tip, network, tick, beyond, cut];
      document.title = [...checked, document.title].join("|");
    });
    </script>"""
    checked = tmp_path / "checked.html"
    checked.write_text(page.read_text().replace("<title>", probe + "<title>"))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    command += [f"--window-size={width},844", f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--dump-dom", checked.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title, done.stderr[-1000:]
    assert "CONSOLE" not in done.stderr
    assert "ERROR" not in title[1]
    _, small, large, rows, tip, network, tick, beyond, cut, _ = title[1].split("|")
    assert int(small.replace(",", "")) < int(large.replace(",", "")) == 20_000 * 64 * 4
    assert int(rows) == 4
    assert tip == "full float32"
    assert int(network) == 0
    assert 10 < float(tick) < 20
    assert int(beyond) <= 0
    assert width < 1200 or int(cut) == 0


def test_the_picture_is_a_png(page):
    pytest.importorskip("matplotlib", reason="no matplotlib here: no picture")
    from tfcompress.report.picture import to_png

    panels = read_sweep(page.parent).panels
    both, quality = to_png(panels[:1]), to_png(panels[:3], latency=False)
    for content in (both, quality):
        assert content.startswith(b"\x89PNG")
        assert len(content) > 20_000
    # One panel with its latency is one row of two; three of qualities alone are two rows.
    (width, height), (other_width, other_height) = map(_size, (both, quality))
    assert (other_width, other_height) == (width, 2 * height)


def _size(png):
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def test_the_markdown_has_whole_tables(page):
    report = read_sweep(page.parent)
    text = sweep_to_markdown(report, "report.png")
    assert text.startswith("![")
    assert "(report.png)" in text
    for panel in report.panels:
        assert f"## {panel.title}" in text
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(tables) == 3 + 5 * len(report.panels)
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_the_summary_says_who_is_smallest_at_a_loss_and_best_at_a_size(tmp_path):
    text = summary_to_markdown(read_sweep(small_sweep(tmp_path)), "docs/results.png")
    assert text.startswith("![quality against the bytes of the tables](docs/results.png)\n")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    assert rows[1:] == [
        "| shop, untied | 5,000,000 | 0.0501 ± 0.0001 | **full int8** | 400,000 | -1.0 % "
        "| full edge-int8 | 1,300,000 | +0.0 % | 3.2x |",
        "| data | full float32 | quality | ours | bytes | change | peer | bytes | change "
        "| peer over ours |",
        "| shop, untied | 9,000,000 | 0.0501 ± 0.0001 | full int8 | 3,000,000 | -1.0 % "
        "| **full edge-int8** | 2,000,000 | +0.0 % | 0.7x |",
        "| data | tables | ours | bytes | change | peer | bytes | change |",
        "| shop, untied | at most 1 MB | **full int8** | 400,000 | -1.0 % | none | - | - |",
        "|  | at most 300 KB | **qr 4x int8** | 90,000 | -39.9 % | none | - | - |",
        "|  | at most 100 KB | **qr 4x int8** | 90,000 | -39.9 % | none | - | - |",
    ]
    assert "- shop, untied: nDCG@10 of 999 test users" in text


def test_a_sweep_that_failed_altogether_is_a_page_of_failures(tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text("<!-- results: r.png -->\nwhat was\n<!-- end of results -->\n")
    artefact, *_ = plan(data="shop", embedding="full", method="float32")
    folder = write(tmp_path / "sweep", [failed_row(artefact, NASTY)])
    words = ["report", str(folder)]
    assert run([*words, "--markdown", str(tmp_path / "r.md")]) == 0
    assert "no file measured; failed: 1" in (folder / "report.html").read_text()
    assert not (folder / "report.png").exists()
    assert run([*words, "--into", str(readme)]) == 2
    assert "no file measured; failed: 1" in capsys.readouterr().err
    assert "what was" in readme.read_text()


def test_a_picture_is_a_png_by_its_name(tmp_path, capsys):
    folder = small_sweep(tmp_path / "sweep")
    assert run(["report", str(folder), "--png", str(tmp_path / "x.svg")]) == 2
    assert "--png: got" in capsys.readouterr().err
    readme = tmp_path / "README.md"
    readme.write_text("<!-- results: x.svg -->\n<!-- end of results -->\n")
    assert run(["report", str(folder), "--into", str(readme)]) == 2
    assert "names no .png" in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.glob("*.svg"))


def test_a_line_in_the_name_of_data_is_no_column(tmp_path):
    (artefact,) = plan(data="a|b", method="float32", embedding="full")
    text = summary_to_markdown(read_sweep(write(tmp_path, [row(artefact)])))
    assert "| a\\|b, untied |" in text


def test_one_point_is_enough(tmp_path):
    (artefact,) = plan(data="shop", method="float32", embedding="full")
    one = row(artefact)
    one["measurement"] |= {"latency_us": {}}
    one["measurement"]["memory_bytes"] |= {"peak_file": None}
    report = read_sweep(write(tmp_path, [one]))
    assert "full float32" in to_html(report)
    assert not any("memory" in note for note in report.measured)
    assert "reference" in sweep_to_markdown(report)


def test_a_file_that_was_measured_again_is_there_once(tmp_path):
    less, whole = (
        plan(data="shop", embedding="full", method="float32", measure={"latency": latency})
        for latency in (False, True)
    )
    before, after = row(*less), row(*whole)
    before["measurement"] |= {"latency_us": {}, "environment": {**ENVIRONMENT, "cpu": "Busy"}}
    found = read_sweep(write(tmp_path, [before | {"jobs": 2}, after]))
    assert found.summary == "files measured: 1, in 1 way"
    (point,) = found.panels[0].points
    assert set(point.latency) == {1, 32}
    assert not any("Busy" in line or "processes" in line for line in found.measured)


def test_a_failure_counts_until_its_file_is_finished(tmp_path):
    first, second, *_ = plan(data="shop", embedding="full", method="float32", seed=[0, 1])
    less = first.model_copy(update={"measured": Measured(latency=False)})
    failed = [failed_row(artefact, NASTY) for artefact in (first, second, first, second)]
    found = read_sweep(write(tmp_path, [*failed, row(less)]))
    assert found.summary == "files measured: 1, in 1 way; failed: 1"
    assert found.failures == ((second.title, NASTY),)


def test_a_folder_without_rows_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"results.jsonl: no finished run"):
        read_sweep(tmp_path)


def test_a_sweep_of_failures_has_a_page(tmp_path):
    rows = [failed_row(artefact, NASTY) for artefact in plan(data="shop", method="float32")]
    text = to_html(read_sweep(write(tmp_path, rows)))
    assert "no file measured; failed: " in text
    assert "onload=&quot;" in text
