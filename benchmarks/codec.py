"""The row codec on real tables, beside its certified limit, the published methods and peers.

    python benchmarks/codec.py                        # every table: about ten minutes on two cores
    python benchmarks/codec.py --only "MF items"      # tables whose name starts so
    python benchmarks/codec.py --json codec.json --markdown codec.md

Prints a table per matrix and, at the end, each promise of the codec with what was measured. Times
are of this machine, as loaded as it is; decoding is one thread on random rows.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from codec_peers import peers
from codec_tables import Case, cases, simulated_dlrm
from rich.console import Console
from rich.table import Table

from tfcompress.codec import choose, layout
from tfcompress.codec.compare import FIXED_CODE_BITS, Comparison, compare
from tfcompress.codec.source import as_source
from tfcompress.codec.worst_row.fixed_code import search_fixed_code
from tfcompress.codec.worst_row.row_source import TableRows
from tfcompress.quantization import QuantizedTable, quantize

console = Console(width=118)
BIG_ROWS = 1_000_000
ENCODED_VALUES = 1 << 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", default="", help="tables whose name starts like this")
    parser.add_argument("--dlrm-rows", type=int, default=200_000)
    parser.add_argument("--skip-big", action="store_true", help="no 1,000,000 x 128 table")
    parser.add_argument("--json", type=Path, help="write everything there as well")
    parser.add_argument("--markdown", type=Path, help="write the tables there as well")
    options = parser.parse_args()
    results = []
    for case in cases(options.dlrm_rows):
        if case.name.startswith(options.only):
            results.append(run(case))
            console.print(render(results[-1]))
            console.print()
    big = None if options.skip_big or options.only else choose_on_big_table()
    promises = check_promises({result["table"]: result for result in results}, big)
    console.print(render_promises(promises))
    if options.json:
        content = {"tables": results, "big_table": big, "promises": promises}
        options.json.write_text(json.dumps(content, indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text(markdown(results, promises))


def run(case: Case) -> dict[str, Any]:
    """Everything measured on one table."""
    with console.status(case.name) as status:
        table = case.make()
        result = compare(table, on_step=lambda step: status.update(f"{case.name}: {step}"))
        status.update(f"{case.name}: peers")
        others = [vars(peer) for peer in peers(table.integers)]
        status.update(f"{case.name}: encoding")
        speeds = {mode: encode_speed(table, mode) for mode in layout.MODES}
    return {
        "table": case.name,
        "granularity": table.granularity,
        "snr_db": table.snr_db,
        **_plain(result),
        "peers": others,
        "encode_mb_s_per_core": speeds,
    }


def _plain(result: Comparison) -> dict[str, Any]:
    values = result.to_json()
    values["certified"].pop("certificate")
    return values


def encode_speed(table: QuantizedTable, mode: str) -> float:
    """Megabytes of table a second that one thread encodes once the code is chosen."""
    source = as_source(table)
    coder = choose.plan(source, mode, choose.Limits(), lambda rows: None)
    best = 0.0
    for _ in range(3):
        values, start = 0, time.perf_counter()
        for first, last in source.blocks():
            coder.encode(source, first, last)
            values += (last - first) * source.columns
            if values >= ENCODED_VALUES:
                break
        best = max(best, values / (time.perf_counter() - start) / 1e6)
    return best


def choose_on_big_table() -> dict[str, float]:
    """Seconds to choose the fixed code of a 1,000,000 x 128 table, from the table itself."""
    with console.status("1,000,000 x 128"):
        table = quantize(simulated_dlrm(BIG_ROWS), 8, "per_table").integers
        start = time.perf_counter()
        rows = TableRows(table)
        lengths = search_fixed_code(rows, FIXED_CODE_BITS)
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "stride_bits": float(rows.costs(lengths).max())}


def render(result: dict[str, Any]) -> Table:
    """One table of modes, limit, baselines and peers."""
    title = (
        f"{result['table']}: {result['rows']:,} x {result['cols']}, {result['snr_db']:.2f} dB, "
        f"{result['entropy_bits']:.2f} bits of entropy a value"
    )
    grid = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("", "saved %", "stride bits", "choose + encode s", "MB/s a core", "us/row"):
        grid.add_column(name, justify="right" if name else "left")
    for row in lines(result):
        grid.add_row(*row)
    return grid


def lines(result: dict[str, Any]) -> list[list[str]]:
    """The cells of `render`, mode by mode."""

    def number(value: float | None, digits: int) -> str:
        return "-" if value is None else f"{value:,.{digits}f}"

    certified = result["certified"]
    limit = f"certified limit, words to {certified['max_length']} bits"
    rows = [
        [
            mode["name"],
            number(100 * mode["saved"], 2),
            number(mode["stride_bits"], 0),
            number(mode["encode_s"], 2),
            number(result["encode_mb_s_per_core"][mode["name"]], 0),
            number(mode["decode_us_per_row"], 2),
        ]
        for mode in result["modes"]
    ]
    stride = number(certified["stride_bits"], 0)
    rows.append([limit, number(100 * certified["saved"], 2), stride, "-", "-", "-"])
    for entry in result["baselines"]:
        saved, stride = number(100 * entry["saved"], 2), number(entry["stride_bits"], 0)
        rows.append([entry["name"], saved, stride, "-", "-", "-"])
    for peer in result["peers"]:
        times = [number(peer["encode_s"], 2), "-", number(peer["decode_us"], 2)]
        rows.append([peer["name"], number(100 * peer["saved"], 2), "-", *times])
    return rows


def check_promises(
    results: dict[str, dict[str, Any]], big: dict[str, float] | None
) -> list[dict[str, Any]]:
    """What the codec promises, and what was measured."""
    promises: list[dict[str, Any]] = []

    def promise(what: str, measured: float, target: float, *, at_most: bool = False) -> None:
        kept = measured <= target if at_most else measured >= target
        promises.append(
            {"what": what, "measured": measured, "target": target, "at_most": at_most, "kept": kept}
        )

    for name, result in results.items():
        modes = {mode["name"]: mode for mode in result["modes"]}
        fixed, limit = modes["fixed"], result["certified"]["stride_bits"]
        close = name in ("MiniLM words", "GPT-2 positions", "MF items")
        over = fixed["stride_bits"] - limit
        promise(f"{name}: fixed over the limit, bits", over, 2 if close else 4, at_most=True)
        annealed = min(
            entry["stride_bits"]
            for entry in result["baselines"]
            if entry["name"].startswith("annealed")
        )
        gain = 100 * (annealed - fixed["stride_bits"]) / (8 * result["cols"])
        whole = "," not in name
        target = 0.0 if not whole else 0.3 if result["cols"] >= 384 else 0.8
        promise(f"{name}: fixed over annealed_8bit, points", gain, target)
        best = 100 * max(mode["saved"] for mode in result["modes"])
        targets = {"MiniLM words": 42.5, "GPT-2 positions": 81, "MF items": 48}
        if name in targets:
            promise(f"{name}: best mode, % saved", best, targets[name])
        if name.endswith(" bits"):
            points = 100 * (modes["rate"]["saved"] - modes["context"]["saved"])
            promise(f"{name}: rate over context, points", points, 0)
        if name == "MiniLM words, per row":
            promise(f"{name}: best mode, % saved", best, 7.4)
        if name == "MiniLM words":
            promise(f"{name}: indexed, % saved", 100 * modes["indexed"]["saved"], 39.0)
            whole_zstd = next(p["saved"] for p in result["peers"] if "whole" in p["name"])
            promise(f"{name}: best mode over zstd -19, points", best - 100 * whole_zstd, 0)
            for mode, us in (("indexed", 0.7), ("context", 2.5), ("predictive", 10.0)):
                decode = modes[mode]["decode_us_per_row"]
                promise(f"{name}: {mode}, us/row", decode, us, at_most=True)
            for mode in ("fixed", "indexed"):
                speed = result["encode_mb_s_per_core"][mode]
                promise(f"{name}: {mode}, MB/s a core encoded", speed, 300)
    if big:
        promise("1,000,000 x 128: choosing, s", big["seconds"], 30, at_most=True)
    return promises


def render_promises(promises: list[dict[str, Any]]) -> Table:
    """Each promise on a line."""
    grid = Table(box=None, pad_edge=False)
    for name in ("promise", "measured", "target", ""):
        grid.add_column(name, justify="left" if name in ("promise", "") else "right")
    for entry in promises:
        sign = "<=" if entry["at_most"] else ">="
        kept = "kept" if entry["kept"] else "[bold red]missed[/]"
        grid.add_row(entry["what"], f"{entry['measured']:.2f}", f"{sign} {entry['target']:g}", kept)
    return grid


def markdown(results: list[dict[str, Any]], promises: list[dict[str, Any]]) -> str:
    """The same as Markdown tables."""
    head = ["", "saved %", "stride bits", "choose + encode s", "MB/s a core", "us/row"]
    text = []
    for result in results:
        text.append(
            f"**{result['table']}**, {result['rows']:,} x {result['cols']}, "
            f"{result['snr_db']:.2f} dB, {result['entropy_bits']:.2f} bits of entropy a value\n"
        )
        text += _grid(head, lines(result))
    rows = [
        [
            entry["what"],
            f"{entry['measured']:.2f}",
            f"{'<=' if entry['at_most'] else '>='} {entry['target']:g}",
            "kept" if entry["kept"] else "**missed**",
        ]
        for entry in promises
    ]
    text += _grid(["promise", "measured", "target", ""], rows)
    return "\n".join(text)


def _grid(head: list[str], rows: list[list[str]]) -> list[str]:
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return [f"| {' | '.join(cells)} |" for cells in [head, rule, *rows]] + [""]


if __name__ == "__main__":
    main()
