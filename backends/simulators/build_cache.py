# SPDX-License-Identifier: Apache-2.0
"""Folder of compiled things that are costly to make: `$XDG_CACHE_HOME/qopt` or `~/.cache/qopt`."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ...qdialect.errors import QoptError

KEPT_ENTRIES = 100


def cached(kind: str, key: str, make: Callable[[Path], object]) -> Path:
    """Folder of the entry `key` of this `kind`, filled by `make(folder)` if it is not there yet.

    An entry is made aside and renamed when complete, so any number of runs may ask at once; the least recently used
    entries beyond KEPT_ENTRIES are removed. Raises QoptError if the cache folder cannot be written.
    """
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qopt" / kind
    entry = root / key
    if not entry.is_dir():
        try:
            root.mkdir(parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix="making-", dir=root))
        except OSError as error:
            raise QoptError(
                f"the cache folder cannot be written: {error.strerror}", str(root), "set XDG_CACHE_HOME to a folder"
            ) from error
        try:
            make(aside)
            _rename(aside, entry)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        _remove_oldest(root)
    os.utime(entry)
    return entry


def _rename(aside: Path, entry: Path) -> None:
    try:
        aside.rename(entry)
    except OSError:
        # Another run has finished the same entry first; the two are equal.
        if not entry.is_dir():
            raise


def _remove_oldest(root: Path) -> None:
    entries = [path for path in root.iterdir() if not path.name.startswith("making-")]
    for path in sorted(entries, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT_ENTRIES:]:
        shutil.rmtree(path, ignore_errors=True)
