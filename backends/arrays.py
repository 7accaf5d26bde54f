# SPDX-License-Identifier: Apache-2.0
"""Arrays from .npy and .npz files."""

from __future__ import annotations

import tokenize
import zipfile
import zlib

import numpy as np

from ..qdialect.attrs import Array
from ..qdialect.errors import QoptError

_SAVE = "save numbers with numpy.save, or numpy.savez under the names of the inputs"
_SHAPE = "the first axis counts the frames: save an array of shape [N, ...]"
# what numpy and zipfile raise for a damaged file; MemoryError: a header that promises more than memory holds
_DAMAGE = (ValueError, EOFError, MemoryError, SyntaxError, RuntimeError)
_DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, tokenize.TokenError)


def load_arrays(path: str, frames: int | None = None) -> dict[str, Array]:
    """Arrays by name of an .npz, at least one; the one array of an .npy under the name ''. Never unpickles.

    Args:
        frames: keep the first `frames` frames (entries of the first axis).
    """
    arrays = _load(path)
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
            raise QoptError(f"'{path}' holds more than arrays of numbers: {name or array.dtype}", mend=_SAVE)
        if not array.ndim or not len(array):
            raise QoptError(f"'{path}' holds an array of shape {list(array.shape)}, without frames", mend=_SHAPE)
    if not arrays:
        raise QoptError(f"'{path}' holds no array", mend=_SAVE)
    return {name: array[:frames] for name, array in arrays.items()}


def _load(path: str) -> dict[str, Array]:
    try:
        with open(path, "rb") as file:
            loaded = np.load(file, allow_pickle=False)
            return {"": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except OSError as fault:
        raise QoptError(f"cannot read '{path}': {fault.strerror or fault}", mend="check the path") from None
    except (*_DAMAGE, *_DAMAGED_ZIP) as fault:
        raise QoptError(f"'{path}' is no .npy or .npz file of numbers: {_first_line(fault)}", mend=_SAVE) from None


def _first_line(fault: Exception) -> str:
    return (str(fault) or type(fault).__name__).partition("\n")[0][:200]
