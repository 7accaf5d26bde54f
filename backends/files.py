# SPDX-License-Identifier: Apache-2.0
"""Write files and folders whole or not at all: written aside, then renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..qdialect.errors import QoptError


def write_file(path: str | Path, text: str) -> None:
    """Write `text` to `path`, replacing a file that is there."""
    path = Path(path)
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as aside:
            aside.write(text)
        os.chmod(aside.name, 0o666 & ~_umask())
        os.replace(aside.name, path)
    except OSError as fault:
        raise _cannot_write(path, fault) from None


@contextmanager
def new_folder(path: str | Path, force: bool) -> Generator[Path]:
    """A fresh folder to fill; becomes `path` when the block ends without an error, and is removed when it does not.

    Raises QoptError if `path` exists and `force` is not set (with `force`, only a folder that a build made, or an
    empty one, is replaced), or cannot be written.
    """
    path = Path(path)
    check_replaceable(path, force)
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.absolute().parent))
    except OSError as fault:
        raise _cannot_write(path, fault) from None
    try:
        yield aside
        aside.chmod(0o777 & ~_umask())
        if path.exists():
            shutil.rmtree(path)
        os.replace(aside, path)
    except OSError as fault:
        raise _cannot_write(path, fault) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check_replaceable(path: Path, force: bool) -> None:
    """Raise QoptError unless a build may be written to `path`."""
    if not path.exists():
        return
    if not path.is_dir():
        raise QoptError(f"'{path}' exists and is not a folder", mend="name another output folder")
    if not any(path.iterdir()):
        return
    if not force:
        raise QoptError(f"the output folder '{path}' exists", mend="give --force to replace it, or name another")
    if not (path / "interface.json").exists():
        raise QoptError(
            f"'{path}' holds other files than a build, and is not replaced even with --force",
            mend="name another output folder, or remove it yourself",
        )


def _cannot_write(path: Path, fault: OSError) -> QoptError:
    return QoptError(f"cannot write '{path}': {fault.strerror or fault}", mend="choose a place that can be written to")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
