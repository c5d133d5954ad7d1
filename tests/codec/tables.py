"""Tables that the tests of the codec share."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

MODES = ("raw", "fixed", "indexed", "context", "predictive", "rate")


def offered(mode, dtype):
    """Whether a mode takes a dtype."""
    return mode not in ("predictive", "rate") or dtype in ("int8", "uint8", "int4")


def small_tables(dtype="int8"):
    """Tables of any content up to 70 x 12: few values or many, rows alike or not."""
    numpy_dtype = {"int4": np.uint8}.get(dtype, np.dtype(dtype))
    shapes = st.tuples(st.integers(0, 70), st.integers(0, 12))
    if np.issubdtype(numpy_dtype, np.floating):
        width = 8 * np.dtype(numpy_dtype).itemsize
        return hnp.arrays(numpy_dtype, shapes, elements=st.floats(width=width))
    few = st.sampled_from([0, 0, 0, 1, 255, 7])
    many = st.integers(0, 255)
    return st.one_of(few_of(shapes, few), few_of(shapes, many)).map(
        lambda table: table.view(numpy_dtype)
    )


def few_of(shapes, elements):
    """uint8 tables of given elements."""
    return hnp.arrays(np.uint8, shapes, elements=elements)


def gaussian(rows, columns, *, scale=6.0, seed=0):
    """int8 rows of different loudness with columns that follow one another."""
    generator = np.random.default_rng(seed)
    loudness = np.exp(generator.normal(0, 0.5, (rows, 1)))
    values = generator.normal(size=(rows, columns))
    values[:, 1:] += 0.7 * values[:, :-1]
    return np.clip(np.rint(scale * loudness * values), -127, 127).astype(np.int8)


def ranked(rows, columns, *, step=0.5, seed=0):
    """int8 rows that get quieter with their rank, in columns of falling energy: a coarse table."""
    generator = np.random.default_rng(seed)
    loudness = np.arange(1, rows + 1)[:, None] ** -0.4
    energy = np.exp2(-np.arange(columns) / 8)
    values = generator.normal(size=(rows, columns)) * loudness * energy
    return np.clip(np.rint(values / step), -127, 127).astype(np.int8)


def fibonacci(columns=64, symbols=20):
    """int8 rows whose symbols' counts are Fibonacci numbers: the longest Huffman words."""
    counts = [1, 1]
    while len(counts) < symbols:
        counts.append(counts[-1] + counts[-2])
    values = np.repeat(np.arange(len(counts)), counts) - 10
    values = np.random.default_rng(0).permutation(values)
    rows = len(values) // columns
    return values[: rows * columns].reshape(rows, columns).astype(np.int8)


def spread_rows(rows=130, columns=400):
    """int8 rows of zeros and rows of noise: lengths more than 255 bytes apart."""
    table = np.zeros((rows, columns), np.int8)
    generator = np.random.default_rng(3)
    table[::7] = generator.integers(-128, 128, (len(table[::7]), columns))
    return table
