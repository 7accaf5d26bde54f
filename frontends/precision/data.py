# SPDX-License-Identifier: Apache-2.0
"""Frames and labels of a specification's data file, handed out in batches; an .npy file is never read as a whole."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...qdialect.errors import QoptError
from .specification import DataArrays, DataSource, Place
from .syntax import Source, suggestion

Array: TypeAlias = NDArray[Any]
BATCH = 64  # frames
LARGEST = Fraction(1 << 60)  # number of a frame
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
        chosen = drawn(len(calibration), data.samples)
        labels = None if calibration.labels is None else calibration.labels[chosen]
        calibration = Frames(calibration.stored[chosen], calibration.scale, calibration.offset, labels)
    return Data(calibration, test)


def drawn(count: int, samples: int) -> NDArray[np.int64]:
    """Which `samples` of `count` frames to take: by chance, the same each time, in order.

    Chance, since arrays may be sorted by class, or have the classes in turn.
    """
    return np.sort(np.random.default_rng(0).permutation(count)[:samples])


class _Arrays:
    """The arrays of a file, read when they are asked for. That of an .npy file has the name of the file."""

    def __init__(self, data: DataSource, source: Source | None):
        self.data, self.source = data, source
        with self._opened() as loaded:
            self.names = [data.path.stem] if isinstance(loaded, np.ndarray) else list(loaded.files)

    @contextmanager
    def _opened(self) -> Generator[Any]:
        """What numpy loads from the file."""
        try:
            loaded = np.load(self.data.path, mmap_mode="r", allow_pickle=False)
            with nullcontext() if isinstance(loaded, np.ndarray) else loaded:
                yield loaded
        except OSError as fault:
            raise self._error(f"cannot read '{self.data.path}': {fault.strerror or fault}", "check the path") from None
        except (ValueError, EOFError, zipfile.BadZipFile, zlib.error):
            raise self._error(f"'{self.data.path}' is no .npy or .npz file of numbers", _SAVE) from None

    def _error(self, what: str, mend: str, place: Place | None = None) -> QoptError:
        """An error at a place of the specification, else where it names the file."""
        place = place or self.data.place
        if self.source is not None and place is not None:
            return self.source.error(place, what, mend)
        return QoptError(what, mend=mend)

    def frames(self, arrays: DataArrays, shape: tuple[int, ...]) -> Frames:
        stored = self._array(arrays.frames, arrays.place)
        size = int(np.prod(shape))
        if stored.ndim and not len(stored):
            what = f"the array '{arrays.frames}' has no frames, its shape is {list(stored.shape)}"
            raise self._error(what, "give at least one frame", arrays.place)
        if not stored.ndim or int(np.prod(stored.shape[1:])) != size:
            what = f"the array '{arrays.frames}' has the shape {list(stored.shape)}, one frame has {list(shape)}"
            raise self._error(what, f"give frames of {size} numbers, counted by the first axis", arrays.place)
        self._check_size(arrays, stored)
        labels = None if arrays.labels is None else self._labels(arrays, len(stored))
        return Frames(stored, float(self.data.scale), float(self.data.offset), labels)

    def _check_size(self, arrays: DataArrays, stored: Array) -> None:
        """QoptError if frames are nothing, or so large or small that float32 does not hold their squares."""
        scale, offset, ends = self.data.scale, self.data.offset, (stored.min(), stored.max())
        largest = max(abs(Fraction(*end.item().as_integer_ratio()) * scale + offset) for end in ends)
        if not largest:
            what = f"all numbers of the frames '{arrays.frames}', with scale and offset, are 0"
            raise self._error(what, "give frames as the network will see them", arrays.place)
        if not 1 / LARGEST <= largest <= LARGEST or max(abs(scale), abs(offset)) > LARGEST:
            size = "more than 2^60" if largest > 1 else "less than 2^-60"
            what = f"the largest number of the frames '{arrays.frames}', with scale and offset, is {size}"
            raise self._error(what, "scale them to numbers that the network was trained for", arrays.place)

    def _labels(self, arrays: DataArrays, frames: int) -> Array:
        """One whole number for each frame."""
        assert arrays.labels is not None
        labels = self._array(arrays.labels, arrays.labels_place)
        if labels.size != frames or labels.shape[:1] != (frames,):
            what = f"the labels '{arrays.labels}' have the shape {list(labels.shape)} for {frames} frames"
            raise self._error(f"{what} '{arrays.frames}'", "give one class for each frame", arrays.labels_place)
        if labels.dtype.kind == "f" and (labels != np.rint(labels)).any():
            what = f"the labels '{arrays.labels}' are no whole numbers"
            raise self._error(what, "give the number of the class of each frame, from 0 on", arrays.labels_place)
        return labels.reshape(-1)

    def _array(self, name: str, place: Place | None) -> Array:
        if not name and len(self.names) == 1:
            name = self.names[0]
        if name not in self.names:
            known = suggestion(name, self.names)
            if not name:
                raise self._error(f"'{self.data.path}' holds several arrays", f"name one; {known}")
            raise self._error(f"'{self.data.path}' holds no array '{name}'", known, place)
        with self._opened() as loaded:
            array: Array = loaded if isinstance(loaded, np.ndarray) else loaded[name]
        if array.dtype.kind not in "biuf":
            what = f"the array '{name}' holds {array.dtype}, no real numbers"
            raise self._error(what, "give integers or floats", place)
        if array.dtype.kind == "f" and array.size and not np.isfinite([array.min(), array.max()]).all():
            raise self._error(f"the array '{name}' holds NaN or infinity", "give finite numbers", place)
        return array


def data_of_path(path: str) -> DataSource:
    """The one array of a file, as an option of a pass names it."""
    return DataSource(path, DataArrays(""), folder=Path())
