# SPDX-License-Identifier: Apache-2.0
"""Frames and labels of a specification's data file, handed out in batches."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...qdialect.errors import QoptError
from .specification import DataArrays, DataSource
from .syntax import Source, suggestion

Array: TypeAlias = NDArray[Any]
BATCH = 64  # frames
_SAVE = "save numbers with numpy.save, or numpy.savez under names"


@dataclass(frozen=True)
class Frames:
    """Stored frames [N, ...], which mean `stored * scale + offset`, and their labels [N]."""

    stored: Array
    scale: float
    offset: float
    labels: Array | None = None

    def __len__(self) -> int:
        return len(self.stored)

    def batches(self, shape: tuple[int, ...], size: int = BATCH) -> Generator[Array]:
        """float32 batches [n, *shape] of a network's input."""
        for start in range(0, len(self.stored), size):
            batch = self.stored[start : start + size].astype(np.float64) * self.scale + self.offset
            yield batch.astype(np.float32).reshape(-1, *shape)


@dataclass(frozen=True)
class Data:
    """What to calibrate with, and what to score on."""

    calibration: Frames
    test: Frames


def load_data(data: DataSource, shape: tuple[int, ...], source: Source | None = None) -> Data:
    """Read the arrays. QoptError if the file, an array or its shape is wrong.

    Args:
        shape: of one frame of the network's input.
        source: the text that names the file, for messages.
    """
    arrays = _Arrays(data, source)
    calibration = arrays.frames(data.calibration, shape)
    test = calibration if data.test is None else arrays.frames(data.test, shape)
    if data.samples is not None and data.samples < len(calibration):
        chosen = np.arange(data.samples) * len(calibration) // data.samples  # spread: arrays may be sorted by class
        labels = None if calibration.labels is None else calibration.labels[chosen]
        calibration = Frames(calibration.stored[chosen], calibration.scale, calibration.offset, labels)
    return Data(calibration, test)


class _Arrays:
    """The arrays of a file, read when they are asked for."""

    def __init__(self, data: DataSource, source: Source | None):
        self.data, self.source = data, source
        with self._opened() as loaded:
            self.names = [""] if isinstance(loaded, np.ndarray) else list(loaded.files)

    @contextmanager
    def _opened(self) -> Generator[Any]:
        """What numpy loads from the file."""
        try:
            with open(self.data.path, "rb") as file:
                yield np.load(file, allow_pickle=False)
        except OSError as fault:
            raise self._error(f"cannot read '{self.data.path}': {fault.strerror or fault}", "check the path") from None
        except (ValueError, EOFError, zipfile.BadZipFile, zlib.error):
            raise self._error(f"'{self.data.path}' is no .npy or .npz file of numbers", _SAVE) from None

    def _error(self, what: str, mend: str) -> QoptError:
        if self.source is not None and self.data.place is not None:
            return self.source.error(self.data.place, what, mend)
        return QoptError(what, mend=mend)

    def frames(self, arrays: DataArrays, shape: tuple[int, ...]) -> Frames:
        stored = self._array(arrays.frames)
        size = int(np.prod(shape))
        if not stored.ndim or not len(stored) or int(np.prod(stored.shape[1:])) != size:
            what = f"the array '{arrays.frames}' has the shape {list(stored.shape)}, one frame has {list(shape)}"
            raise self._error(what, f"give frames of {size} numbers, counted by the first axis")
        labels = None if arrays.labels is None else self._array(arrays.labels).reshape(-1)
        if labels is not None and len(labels) != len(stored):
            what = f"there are {len(labels)} labels '{arrays.labels}' for {len(stored)} frames '{arrays.frames}'"
            raise self._error(what, "give one label for each frame")
        return Frames(stored, float(self.data.scale), float(self.data.offset), labels)

    def _array(self, name: str) -> Array:
        if not name and len(self.names) == 1:
            name = self.names[0]
        if name not in self.names:
            known = suggestion(name, [name for name in self.names if name])
            if not name:
                raise self._error(f"'{self.data.path}' holds several arrays", f"name one; {known}")
            raise self._error(f"'{self.data.path}' holds no array '{name}'", known)
        with self._opened() as loaded:
            array: Array = loaded if isinstance(loaded, np.ndarray) else loaded[name]
        if array.dtype.kind not in "biuf" or (array.dtype.kind == "f" and not np.isfinite(array).all()):
            raise self._error(f"the array '{name}' holds {array.dtype}, or NaN or infinity", "give finite numbers")
        return array


def data_of_path(path: str) -> DataSource:
    """The one array of a file, as an option of a pass names it."""
    return DataSource(path, DataArrays(""), folder=Path())
