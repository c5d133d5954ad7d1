"""The relaxation of the best code for given rows, solved by a simplex method: the oracle."""

import numpy as np
from scipy.optimize import linprog


def by_simplex(counts, shortest, longest):
    """The least cost of the worst row, or None where the limits break Kraft's inequality."""
    pairs = [
        (symbol, length)
        for symbol, (low, high) in enumerate(zip(shortest, longest, strict=True))
        for length in range(low, high + 1)
    ]
    owner, length = np.array(pairs).T
    rows = np.hstack([counts[:, owner] * length, -np.ones((len(counts), 1))])
    kraft = np.append(2.0**-length, 0)
    one_length = np.hstack(
        [owner == np.arange(counts.shape[1])[:, None], np.zeros((counts.shape[1], 1))]
    )
    solution = linprog(
        np.append(np.zeros(len(owner)), 1),
        A_ub=np.vstack([rows, kraft]),
        b_ub=np.append(np.zeros(len(counts)), 1),
        A_eq=one_length,
        b_eq=np.ones(counts.shape[1]),
    )
    return solution.fun
