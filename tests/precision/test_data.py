# SPDX-License-Identifier: Apache-2.0
"""Frames drawn from an array of data, and read where they lie in the file."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.frontends.precision.data import drawn, load_data
from qopt_mlir.frontends.precision.specification import DataArrays, DataSource
from qopt_mlir.qdialect.errors import QoptError


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


@pytest.mark.parametrize("samples", [None, 100])
def test_a_large_file_takes_little_memory(samples: int | None, tmp_path: Path) -> None:
    shape = (8, 16, 16)
    stored = np.lib.format.open_memmap(tmp_path / "frames.npy", "w+", np.float32, (4000, *shape))
    stored[::7] = 1.5
    stored.flush()
    data = DataSource("frames.npy", DataArrays("frames"), folder=tmp_path, samples=samples)
    tracemalloc.start()
    try:
        frames = load_data(data, (1, *shape)).calibration
        total = sum(float(batch.sum(dtype=np.float64)) for batch in frames.batches((1, *shape)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < stored.nbytes / 8
    assert total == 1.5 * 2048 * len([frame for frame in drawn(4000, samples or 4000) if frame % 7 == 0])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite(bad: float, tmp_path: Path) -> None:
    frames = np.zeros((20, 3), np.float32)
    frames[17, 1] = bad
    np.save(tmp_path / "frames.npy", frames)
    with pytest.raises(QoptError, match="holds NaN or infinity"):
        load_data(DataSource("frames.npy", DataArrays("frames"), folder=tmp_path), (1, 3))


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int64, np.float16, np.float64, np.longdouble])
def test_numbers_of_any_type(dtype: type, tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", np.eye(3).astype(dtype))
    frames = load_data(DataSource("frames.npy", DataArrays("frames"), folder=tmp_path), (1, 3)).calibration
    (batch,) = frames.batches((1, 3))
    assert batch.dtype == np.float32
    assert batch.reshape(3, 3).tolist() == np.eye(3).tolist()
