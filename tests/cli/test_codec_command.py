"""`tfcompress codec`: what it prints and writes is what was measured; bad files cost one line."""

import json
from fractions import Fraction

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from tfcompress.codec import Certificate, pack
from tfcompress.codec.layout import MODES
from tfcompress.errors import ConfigError, DataError
from tfcompress.quantization import quantize
from tfcompress_cli import console
from tfcompress_cli.codec import GranularityName, codec, read_table

app = typer.Typer()
app.command()(codec)


def float_table(rows=150, columns=24):
    generator = np.random.default_rng(0)
    scale = np.exp(generator.uniform(-3, 0, (rows, 1)))
    return generator.normal(0, scale, (rows, columns)).astype(np.float32)


@pytest.fixture
def run(monkeypatch):
    """Runs the command on a file; returns what it printed."""
    monkeypatch.setattr(console.out, "width", 120, raising=False)

    def invoke(*arguments):
        with console.out.capture() as captured:
            result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception:
            raise result.exception
        return captured.get()

    return invoke


def save(path, array):
    np.save(path, array)
    return path


def test_prints_every_mode_and_baseline(run, tmp_path):
    text = run(save(tmp_path / "table.npy", float_table()))
    lines = text.splitlines()
    quantized = quantize(float_table(), 8, "per_table")
    assert lines[0].startswith("table.npy: 150 x 24, int8, ")
    assert lines[0].endswith(f"SNR {quantized.snr_db:.2f} dB (per_table)")
    cells = {words[0]: words for words in map(str.split, lines[2:]) if words}
    for mode in MODES:
        assert cells[mode][1] == f"{100 * pack(quantized, mode).saved:.2f}"
    for name in ("certified", "two_tree_4bit", "annealed_8bit", "row_limit_4bit", "row_limit_8bit"):
        assert name in cells


def test_json_holds_what_was_printed_and_a_sound_certificate(run, tmp_path):
    table = quantize(float_table(), 8, "per_table").integers
    run(save(tmp_path / "table.npy", table), "--json", tmp_path / "out.json")
    (result,) = json.loads((tmp_path / "out.json").read_text())
    assert (result["table"], result["rows"], result["cols"]) == ("table.npy", 150, 24)
    assert (result["dtype"], result["granularity"], result["snr_db"]) == ("int8", None, None)
    assert [mode["name"] for mode in result["modes"]] == list(MODES)
    for mode in result["modes"]:
        assert mode["nbytes"] == pack(table, mode["name"]).nbytes
        assert mode["saved"] == 1 - mode["nbytes"] / table.size
        assert mode["encode_s"] > 0
        assert mode["decode_us_per_row"] > 0
    certified = result["certified"]
    certificate = Certificate.from_json(json.dumps(certified["certificate"]))
    assert certificate.check(table)
    assert certified["stride_bits"] == certificate.stride
    assert certified["saved"] == pytest.approx(1 - certificate.stride / (8 * 24))
    assert certificate.code_bound > Fraction(0)
    strides = {entry["name"]: entry["stride_bits"] for entry in result["baselines"]}
    fixed = next(mode for mode in result["modes"] if mode["name"] == "fixed")
    assert certificate.stride <= fixed["stride_bits"]
    assert fixed["stride_bits"] <= strides["annealed_8bit (balanced start)"]
    assert strides["row_limit_8bit"] <= certificate.stride


def test_per_row_scales_are_counted(run, tmp_path):
    path = save(tmp_path / "table.npy", float_table())
    run(path, "--granularity", "per-row", "--json", tmp_path / "out.json")
    (result,) = json.loads((tmp_path / "out.json").read_text())
    assert result["granularity"] == "per_row"
    assert result["snr_db"] == pytest.approx(quantize(float_table(), 8, "per_row").snr_db)
    raw = next(mode for mode in result["modes"] if mode["name"] == "raw")
    assert raw["nbytes"] > 150 * (24 + 4)


def test_plot_is_a_png(run, tmp_path):
    pytest.importorskip("matplotlib")
    path = save(tmp_path / "table.npy", float_table(40, 12))
    run(path, "--plot", tmp_path / "out.png")
    content = (tmp_path / "out.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) > 10_000


@pytest.mark.parametrize("shape", [(0, 8), (1, 8), (5, 1)])
def test_small_tables(run, tmp_path, shape):
    table = np.arange(np.prod(shape), dtype=np.int8).reshape(shape)
    text = run(save(tmp_path / "t.npy", table), "--plot", tmp_path / "out.png")
    assert text.startswith(f"t.npy: {shape[0]} x {shape[1]}, int8")


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_integers_are_taken_as_they_are(tmp_path, dtype):
    table = np.arange(24, dtype=dtype).reshape(4, 6)
    read = read_table(save(tmp_path / "t.npy", table))
    assert read.dtype == dtype
    assert (read == table).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_quantised(tmp_path, dtype):
    path = save(tmp_path / "t.npy", float_table().astype(dtype))
    assert read_table(path).scale.shape == (1, 1)
    assert read_table(path, GranularityName.PER_ROW).scale.shape == (150, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a .npy file of numbers"),
        (b"1,2\n3,4\n", "not a .npy file of numbers"),
        (np.zeros(3, np.float32), r"got shape \(3,\)"),
        (np.zeros((2, 2, 2), np.int8), r"got shape \(2, 2, 2\)"),
        (np.zeros((2, 2), np.int32), "got dtype int32"),
        (np.zeros((2, 2), np.complex64), "got dtype complex64"),
    ],
)
def test_bad_files_cost_one_line(tmp_path, content, message):
    path = tmp_path / "bad.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    with pytest.raises(DataError, match=message) as raised:
        read_table(path)
    assert str(path) in str(raised.value)


def test_files_that_are_no_table(tmp_path):
    with pytest.raises(DataError, match=r"nothing\.npy: No such file"):
        read_table(tmp_path / "nothing.npy")
    with pytest.raises(DataError, match="Is a directory"):
        read_table(tmp_path)
    np.savez(tmp_path / "many.npz", a=np.zeros((2, 2), np.int8))
    with pytest.raises(DataError, match="an archive of arrays"):
        read_table(tmp_path / "many.npz")
    np.save(tmp_path / "objects.npy", np.array([[None]]), allow_pickle=True)
    with pytest.raises(DataError, match=r"not a \.npy file of numbers"):
        read_table(tmp_path / "objects.npy")
    whole = (save(tmp_path / "cut.npy", float_table())).read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[:-10])
    with pytest.raises(DataError, match=r"cut\.npy: not a .npy file"):
        read_table(tmp_path / "cut.npy")


def test_a_value_that_is_not_finite_is_named(tmp_path):
    table = float_table()
    table[7, 3] = np.nan
    with pytest.raises(ConfigError, match=r"t\.npy row 7, column 3"):
        read_table(save(tmp_path / "t.npy", table))


def test_granularity_of_integers_is_refused(tmp_path):
    path = save(tmp_path / "t.npy", np.zeros((2, 2), np.int8))
    with pytest.raises(ConfigError, match=r"--granularity: .* holds int8 values already"):
        read_table(path, GranularityName.PER_TABLE)


def test_a_plot_of_another_kind_is_refused_before_the_work(run, tmp_path):
    with pytest.raises(ConfigError, match=r"--plot: got .*out\.svg"):
        run(tmp_path / "nothing.npy", "--plot", tmp_path / "out.svg")
