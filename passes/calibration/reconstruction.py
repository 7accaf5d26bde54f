# SPDX-License-Identifier: Apache-2.0
"""Rounding the weights of a layer such that its sums change least, not the weights themselves.

With inputs as rows X of the quantised network and T of the float network, the sums of the quantised weights Q are to
be those of the float weights W: minimise |W T - Q X|^2. First W moves to where it makes up best for X being other than
T (least squares); then it is rounded column by column, and what is lost by rounding one is made up for by the columns
that follow (GPTQ, Frantar et al. 2022). The bias, if there is one, takes what is left of the mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...qdialect.attrs import Array

LARGEST_SINGLE = 2.0**40  # numbers whose squares add up well within float32
ROUNDING = 2.0**-18  # of its square: an input that varies less is constant, as far as sums in float32 tell
DAMPING = 0.01  # of the mean square of the inputs: keeps the equations solvable, and weights near where they were


@dataclass
class Moments:
    """Sums over rows of one group: of X X^T, (T - X) X^T, X and T; and how many rows.

    `has_bias`: what the weights leave of the mean of the sums, a bias takes.
    """

    square: NDArray[np.float64]
    shift: NDArray[np.float64]
    mean: NDArray[np.float64]
    target_mean: NDArray[np.float64]
    has_bias: bool = True
    rows: int = 0

    @staticmethod
    def of(terms: int, has_bias: bool = True) -> Moments:
        return Moments(np.zeros((terms, terms)), np.zeros((terms, terms)), np.zeros(terms), np.zeros(terms), has_bias)

    def add(self, rows: Array, targets: Array) -> None:
        """Take in rows [n, terms] of the quantised and of the float network."""
        largest = max(np.abs(rows).max(initial=0), np.abs(targets).max(initial=0))
        kind = np.float32 if largest < LARGEST_SINGLE else np.float64
        rows, targets = rows.astype(kind), targets.astype(kind)
        self.square += rows.T @ rows
        self.shift += (targets - rows).T @ rows
        self.mean += rows.sum(axis=0, dtype=np.float64)
        self.target_mean += targets.sum(axis=0, dtype=np.float64)
        self.rows += len(rows)


def compensated(weights: Array, moments: Moments) -> NDArray[np.float64]:
    """Float weights [outputs, terms] that do with the quantised inputs what `weights` do with the float ones.

    Means are left out where a bias makes up for them.
    """
    square, shift = _centred(moments)
    if not shift.any():
        return weights.astype(np.float64)
    return np.asarray(weights + np.linalg.solve(_damped(square), (weights @ shift).T).T, np.float64)


def rounded(
    weights: NDArray[np.float64], moments: Moments, apply: Callable[[Array, int], Array]
) -> NDArray[np.float64]:
    """The weights [outputs, terms] on the grid: `apply(column, term)` brings those of one term to it."""
    square, _ = _centred(moments)
    order = np.argsort(-np.diag(square), kind="stable")
    inverse = np.linalg.inv(_damped(square)[np.ix_(order, order)])
    factor = np.linalg.cholesky((inverse + inverse.T) / 2).T
    work, result = weights[:, order].copy(), np.empty_like(weights)
    for column in range(work.shape[1]):
        on_grid = apply(work[:, column], int(order[column])).astype(np.float64)
        result[:, order[column]] = on_grid
        error = (work[:, column] - on_grid) / factor[column, column]
        work[:, column + 1 :] -= np.outer(error, factor[column, column + 1 :])
    return result


def bias_change(weights: Array, quantised: Array, moments: Moments) -> NDArray[np.float64]:
    """What is added to the bias of each output to keep the mean of its sums."""
    return (weights @ moments.target_mean - quantised @ moments.mean) / max(moments.rows, 1)


def _centred(moments: Moments) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Covariance of X, and of T - X with X, each times the number of rows; without a bias, means count as well.

    Terms whose input is constant have none.
    """
    if not moments.has_bias:
        return moments.square, moments.shift
    count = max(moments.rows, 1)
    square = moments.square - np.outer(moments.mean, moments.mean) / count
    shift = moments.shift - np.outer(moments.target_mean - moments.mean, moments.mean) / count
    constant = np.diag(square) <= ROUNDING * np.diag(moments.square)
    square[constant, :] = square[:, constant] = shift[:, constant] = 0
    return square, shift


def _damped(square: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix with as much more on its diagonal as makes it positive definite, which rounding may have undone."""
    weight = max(float(np.diag(square).mean()) * DAMPING, 1e-12)
    while True:
        damped = square + weight * np.eye(len(square))
        try:
            np.linalg.cholesky(damped)
        except np.linalg.LinAlgError:
            weight *= 10
        else:
            return damped
