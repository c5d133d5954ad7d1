"""TT-SVD: a tensor train from a full table.

Source: I. V. Oseledets, Tensor-Train Decomposition, SIAM J. Sci. Comput. 33 (2011), algorithm 1.
"""

import math

import numpy as np

from tfcompress.layers.tables import Floats

# Where the digits give more combinations than there are ids, the spare rows are free: they are
# filled with what the last round made of them.
_ROUNDS = 4


def tensor_train_svd(
    matrix: Floats, shapes: tuple[tuple[int, ...], tuple[int, ...]], rank: int
) -> list[Floats]:
    """Cores of a tensor train close to a table.

    Args:
        matrix: float64 array (n, D).
        shapes: pair of tuples. (n_1 .. n_k) with a product of at least n and (d_1 .. d_k) with
            product D.
        rank: int. r of every bond.

    Returns:
        k arrays, core k (n_k, r_k d_k r_{k-1}) as `TensorTrainEmbedding` stores it. All have the
        same Frobenius norm. Ranks that the table does not need are filled with zeros.
    """
    rows, columns = shapes
    spare = math.prod(rows) - len(matrix)
    # The mean row disturbs the factors less than zeros would.
    filled = np.concatenate([matrix, np.repeat(matrix.mean(axis=0)[None], spare, axis=0)])
    cores = _decompose(filled, rows, columns, rank)
    for _ in range(_ROUNDS if spare else 0):
        filled[len(matrix) :] = _table(cores, rows, columns)[len(matrix) :]
        cores = _decompose(filled, rows, columns, rank)
    # (r_{k-1}, n_k, d_k, r_k) -> (n_k, r_k, d_k, r_{k-1})
    stored = [core.transpose(1, 3, 2, 0).reshape(core.shape[1], -1) for core in cores]
    norms = [float(np.linalg.norm(core)) for core in stored]
    if min(norms) == 0:
        return stored
    even = math.prod(norms) ** (1 / len(norms))
    return [core * (even / norm) for core, norm in zip(stored, norms, strict=True)]


def _decompose(
    table: Floats, rows: tuple[int, ...], columns: tuple[int, ...], rank: int
) -> list[Floats]:
    count = len(rows)
    # Columns are stored last digit first: (n_1 .. n_k, d_k .. d_1) -> (n_1, d_1, .., n_k, d_k).
    tensor = table.reshape(*rows, *reversed(columns))
    order = [axis for k in range(count) for axis in (k, 2 * count - 1 - k)]
    rest = tensor.transpose(order).reshape(1, -1)
    cores: list[Floats] = []
    for k in range(count - 1):
        below = rest.shape[0]
        rest = rest.reshape(below * rows[k] * columns[k], -1)
        basis = _leading_directions(rest, rank)
        cores.append(basis.reshape(below, rows[k], columns[k], rank))
        rest = basis.T @ rest
    cores.append(rest.reshape(rest.shape[0], rows[-1], columns[-1], 1))
    return cores


def _leading_directions(matrix: Floats, rank: int) -> Floats:
    """The first `rank` left singular vectors, filled with zeros where there are not as many."""
    height, width = matrix.shape
    if height <= width:
        _, vectors = np.linalg.eigh(matrix @ matrix.T)
        found = vectors[:, ::-1][:, :rank]
    else:
        values, vectors = np.linalg.eigh(matrix.T @ matrix)
        strong = values[::-1][:rank] > values[-1] * 1e-14
        leading = matrix @ vectors[:, ::-1][:, :rank][:, strong]
        found = np.linalg.qr(leading)[0]
    result = np.zeros((height, rank))
    result[:, : found.shape[1]] = found
    return result


def _table(cores: list[Floats], rows: tuple[int, ...], columns: tuple[int, ...]) -> Floats:
    """The table (product of rows, product of columns) that cores (r, n_k, d_k, r') multiply to."""
    product = np.ones((1, 1, 1))  # (rows so far, columns so far, rank)
    for core in cores:
        # Later columns are more significant.
        product = np.einsum("icr,rnds->indcs", product, core)
        product = product.reshape(product.shape[0] * product.shape[1], -1, core.shape[3])
    return product[:, :, 0].reshape(math.prod(rows), math.prod(columns))
