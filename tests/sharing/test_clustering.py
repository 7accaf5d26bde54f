# SPDX-License-Identifier: Apache-2.0
"""Clusters on a line: the least inertia there is, with weights, on grids, and for sets of every size."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from qopt_mlir.passes import clustering
from qopt_mlir.passes.clustering import Grid, Points, best_clusterings, k_means, nearest


def brute_force(values: np.ndarray, weights: np.ndarray, k: int, centres: np.ndarray | None) -> float:
    """Least inertia over all ways to cut the sorted values into k intervals; centres are means, or of a grid."""
    order = np.argsort(values)
    values, weights = values[order].astype(float), weights[order]
    best = np.inf
    for cuts in combinations(range(1, len(values)), k - 1):
        total = 0.0
        for part in np.split(np.arange(len(values)), cuts):
            v, w = values[part], weights[part]
            options = [(w * v).sum() / w.sum()] if centres is None else centres
            total += min(float((w * (v - c) ** 2).sum()) for c in options)
        best = min(best, total)
    return best


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_no_better_clusters_exist(seed: int, dense: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering, "DENSE", 2048 if dense else 0)
    rng = np.random.default_rng(seed)
    values = rng.integers(-40, 40, 9)
    weights = rng.random(9) + 0.1 if seed % 2 else np.ones(9)
    grid = Grid(4, -16, 16) if seed % 3 == 0 else None
    allowed = None if grid is None else np.arange(-16, 17, 4)
    found = best_clusterings(Points(values, weights, grid), 5)
    for k, clusters in enumerate(found, start=1):
        if k <= len(np.unique(values)):
            assert clusters.inertia == pytest.approx(brute_force(values, weights, k, allowed), rel=1e-6, abs=1e-6)
        away = values - nearest(values, clusters.centres)
        assert (weights * away**2).sum() <= clusters.inertia * (1 + 1e-6) + 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_divide_and_conquer_equals_the_matrix(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(seed).normal(size=500)
    points = Points(values)
    dense = best_clusterings(points, 12)
    monkeypatch.setattr(clustering, "DENSE", 0)
    sparse = best_clusterings(points, 12)
    assert [c.inertia for c in sparse] == pytest.approx([c.inertia for c in dense], rel=1e-9)
    assert all(b.inertia <= a.inertia for a, b in pairwise(dense))


def test_as_many_centres_as_values_change_nothing() -> None:
    values = np.array([[-7, 3, 3], [0, -7, 120]])
    clusters = best_clusterings(Points(values, grid=Grid(1, -128, 127)), 9)
    assert len(clusters) == 4
    assert np.array_equal(nearest(values, clusters[-1].centres), values)
    assert clusters[-1].inertia == pytest.approx(0, abs=1e-6)


def test_large_sets_are_near_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    points = Points(np.random.default_rng(0).normal(size=3000))
    best = best_clusterings(points, 8)[-1].inertia
    assert k_means(points, 8).inertia <= 1.3 * best
    monkeypatch.setattr(clustering, "EXACT", 100)
    assert best_clusterings(points, 8)[-1].inertia == k_means(points, 8).inertia
