# SPDX-License-Identifier: Apache-2.0
"""Frames drawn from an array of data."""

from pathlib import Path

import numpy as np
from qopt_mlir.frontends.precision.data import drawn, load_data
from qopt_mlir.frontends.precision.specification import DataArrays, DataSource


def test_samples_of_classes_in_turn_have_all_classes(tmp_path: Path) -> None:
    """Every tenth frame would be of one class. The draw is the same each time, in order, each frame once."""
    labels = np.arange(1000) % 10
    np.savez(tmp_path / "frames.npz", x=np.arange(1000, dtype=np.float32).reshape(1000, 1), y=labels)
    data = DataSource("frames.npz", DataArrays("x", "y"), folder=tmp_path, samples=100)
    first, second = (load_data(data, (1, 1)).calibration for _ in range(2))
    taken = np.concatenate(list(first.batches((1, 1)))).reshape(-1).astype(int)
    assert (np.diff(taken) > 0).all()
    assert taken.tolist() == np.concatenate(list(second.batches((1, 1)))).reshape(-1).astype(int).tolist()
    assert taken.tolist() == drawn(1000, 100).tolist()
    assert first.labels is not None
    assert first.labels.tolist() == (taken % 10).tolist()
    assert len(set(first.labels.tolist())) == 10
