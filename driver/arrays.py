# SPDX-License-Identifier: Apache-2.0
"""Arrays from .npy and .npz files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from ..qdialect.attrs import Array
from ..qdialect.errors import QoptError


def load_arrays(path: str) -> dict[str, Array]:
    """Arrays by name of an .npz; the one array of an .npy under the name ''. Never unpickles."""
    try:
        loaded = np.load(Path(path), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except OSError as fault:
        raise QoptError(f"cannot read '{path}': {fault.strerror or fault}", mend="check the path") from None
    except (ValueError, EOFError, zipfile.BadZipFile) as fault:
        raise QoptError(
            f"'{path}' is no .npy or .npz file of numbers: {fault}", mend="save it with numpy.save"
        ) from None
