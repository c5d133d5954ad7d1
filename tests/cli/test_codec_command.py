"""`tfcompress codec`: what it prints and writes is what was measured; bad files cost one line."""

import json

import numpy as np
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from tfcompress.codec import Certificate, pack, predictive, rate
from tfcompress.codec.layout import MODES
from tfcompress.errors import ConfigError, DataError
from tfcompress.quantization import quantize
from tfcompress_cli import console
from tfcompress_cli.codec import codec, read_table

app = typer.Typer()
app.command()(codec)


def float_table(rows=60, columns=16):
    generator = np.random.default_rng(0)
    scale = np.exp(generator.uniform(-3, 0, (rows, 1)))
    return generator.normal(0, scale, (rows, columns)).astype(np.float32)


def save(path, array):
    np.save(path, array)
    return path


def run(*arguments):
    """Runs the command; returns what it printed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(console, "out", Console(width=120))
        with console.out.capture() as captured:
            result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception:
        raise result.exception
    return captured.get()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One run on a float table: the folder with what it wrote, and `out.txt`, what it printed."""
    folder = tmp_path_factory.mktemp("codec")
    table = save(folder / "table.npy", float_table())
    text = run(table, "--json", folder / "out.json", "--plot", folder / "out.png")
    (folder / "out.txt").write_text(text)
    return folder


@pytest.fixture(scope="module")
def result(files):
    (values,) = json.loads((files / "out.json").read_text())
    return values


def test_prints_every_mode_and_baseline(files, result):
    lines = (files / "out.txt").read_text().splitlines()
    assert lines[0].startswith("table.npy: 60 x 16, int8, ")
    assert lines[0].endswith(f"SNR {result['snr_db']:.2f} dB (per_table)")
    blank = lines.index("")
    assert [line.split()[:2] for line in lines[2:blank]] == [
        [mode["name"], f"{100 * mode['saved']:.2f}"] for mode in result["modes"]
    ]
    assert lines[blank + 2].startswith("certified limit of one code")
    last = lines.index("", blank + 1)
    strides = [line.split()[-1] for line in lines[blank + 2 : last]]
    expected = [result["certified"], *result["baselines"]]
    assert strides == [str(entry["stride_bits"]) for entry in expected]
    # A mode and a limit are shares of different things.
    assert [line.split(":")[0] for line in lines[last + 1 :]] == [
        "saved, modes",
        "saved, fixed stride",
        "us/row",
    ]


def test_json_holds_what_was_measured(result):
    quantized = quantize(float_table(), 8, "per_table")
    assert (result["table"], result["rows"], result["cols"]) == ("table.npy", 60, 16)
    assert (result["dtype"], result["granularity"]) == ("int8", "per_table")
    assert result["snr_db"] == pytest.approx(quantized.snr_db)
    assert [mode["name"] for mode in result["modes"]] == list(MODES)
    for mode in result["modes"]:
        assert mode["nbytes"] == pack(quantized, mode["name"]).nbytes
        assert mode["saved"] == pytest.approx(1 - mode["nbytes"] / (60 * 16 + 4))
        assert mode["encode_s"] > 0
        assert mode["decode_us_per_row"] > 0
    assert 0 < result["entropy_bits"] < 8


def test_json_holds_a_sound_certificate(result):
    table = quantize(float_table(), 8, "per_table").integers
    certified = result["certified"]
    certificate = Certificate.from_json(json.dumps(certified["certificate"]))
    assert certificate.check(table)
    assert certified["stride_bits"] == certificate.stride
    assert certified["saved"] == pytest.approx(1 - certificate.stride / (8 * 16))
    strides = {entry["name"]: entry["stride_bits"] for entry in result["baselines"]}
    fixed = next(mode for mode in result["modes"] if mode["name"] == "fixed")
    assert strides["row_limit_8bit"] <= certificate.stride <= fixed["stride_bits"]
    for start in ("balanced", "huffman"):
        assert fixed["stride_bits"] <= strides[f"annealed_8bit ({start} start)"]


def test_plot_is_a_png(files):
    content = (files / "out.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) > 10_000


def test_per_row_scales_are_counted(tmp_path):
    path = save(tmp_path / "table.npy", float_table(12, 8))
    run(path, "--granularity", "per-row", "--json", tmp_path / "out.json")
    (result,) = json.loads((tmp_path / "out.json").read_text())
    assert result["granularity"] == "per_row"
    assert result["snr_db"] == pytest.approx(quantize(float_table(12, 8), 8, "per_row").snr_db)
    raw = next(mode for mode in result["modes"] if mode["name"] == "raw")
    assert raw["nbytes"] > 12 * (8 + 4)


@pytest.mark.parametrize("shape", [(0, 8), (1, 8), (5, 1)])
def test_small_tables(tmp_path, shape):
    table = np.arange(np.prod(shape), dtype=np.int8).reshape(shape)
    text = run(save(tmp_path / "t.npy", table), "--plot", tmp_path / "out.png")
    assert text.startswith(f"t.npy: {shape[0]} x {shape[1]}, int8")


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_integers_are_taken_as_they_are(tmp_path, dtype):
    table = np.arange(24, dtype=dtype).reshape(4, 6)
    read = read_table(save(tmp_path / "t.npy", table))
    assert read.dtype == dtype
    assert (read == table).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_floats_are_quantised(tmp_path, dtype):
    path = save(tmp_path / "t.npy", float_table().astype(dtype))
    assert read_table(path).scale.shape == (1, 1)
    assert read_table(path, "per-row").scale.shape == (60, 1)


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
    (tmp_path / "other.npy").write_bytes(b"PK no table")
    with pytest.raises(DataError, match=r"other\.npy: not a \.npy file of numbers$"):
        read_table(tmp_path / "other.npy")
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
        read_table(path, "per-table")


def test_a_plot_of_another_kind_is_refused_before_the_work(tmp_path):
    with pytest.raises(ConfigError, match=r"--plot: got .*out\.svg"):
        run(tmp_path / "nothing.npy", "--plot", tmp_path / "out.svg")


def test_a_wide_table_is_compared_in_the_modes_that_take_it(tmp_path, monkeypatch):
    monkeypatch.setattr(predictive, "MAX_PREDICTED", 8)
    monkeypatch.setattr(rate, "MAX_COLUMNS", 8)
    run(save(tmp_path / "t.npy", float_table()), "--json", tmp_path / "out.json")
    (values,) = json.loads((tmp_path / "out.json").read_text())
    names = [mode["name"] for mode in values["modes"]]
    assert names == [name for name in MODES if name not in ("predictive", "rate")]
