# SPDX-License-Identifier: Apache-2.0
"""Write files and folders whole or not at all: written aside, then renamed."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..qdialect.errors import QoptError

# what `qopt build` writes to its folder, all of it replaced by --force
BUILD_ENTRIES = {
    "ir",
    "rtl",
    "sim",
    "interface.json",
    "host.py",
    "report.json",
    "report.txt",
    "precision.txt",
    "precision.json",
    "precision.html",
    "__pycache__",
}


def write_file(path: str | Path, data: bytes) -> None:
    """Write `data` to `path`, replacing a file that is there."""
    path, aside = Path(path), None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as aside:
            aside.write(data)
        os.chmod(aside.name, 0o666 & ~_umask())
        os.replace(aside.name, path)
    except OSError as fault:
        if aside is not None:
            Path(aside.name).unlink(missing_ok=True)
        raise _cannot_write(path, fault) from None


@contextmanager
def new_folder(path: str | Path, force: bool) -> Generator[Path]:
    """A fresh folder to fill; becomes `path` when the block ends without an error, and is removed when it does not.

    Raises QoptError if `path` exists and `force` is not set (with `force`, only a folder that a build made, or an
    empty one, is replaced), or cannot be written.
    """
    path = Path(path)
    check_replaceable(path, force)
    path = path.resolve()  # of a link to a folder, the folder is replaced
    aside = path.parent / f".{path.name}.{secrets.token_hex(8)}"  # known before it is made: it goes, whenever this ends
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.mkdir(mode=0o700)
        new = aside / "new"
        new.mkdir()
        yield new
        _exchange(new, path, aside / "old")
    except OSError as fault:
        raise _cannot_write(path, fault) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _exchange(new: Path, path: Path, old: Path) -> None:
    """Put `new` at `path`; what is there goes to `old`, and comes back if that fails."""
    if not path.exists():
        os.replace(new, path)
        return
    os.replace(path, old)
    try:
        os.replace(new, path)
    except OSError:
        os.replace(old, path)
        raise


def check_replaceable(path: Path, force: bool) -> None:
    """Raise QoptError unless a build may be written to `path`."""
    try:
        _check_replaceable(path, force)
    except OSError as fault:
        raise _cannot_write(path, fault) from None


def _check_replaceable(path: Path, force: bool) -> None:
    if path.is_symlink() and not path.exists():
        raise QoptError(f"'{path}' is a link to nothing", mend="remove the link, or name another output folder")
    if not path.exists():
        return
    if path.is_dir() and Path.cwd().is_relative_to(path.resolve()):
        raise QoptError(f"'{path}' is the current folder, or above it", mend="name a folder in it: -o build")
    if not path.is_dir():
        raise QoptError(f"'{path}' exists and is not a folder", mend="name another output folder")
    if not any(path.iterdir()):
        return
    if not force:
        raise QoptError(f"the output folder '{path}' exists", mend="give --force to replace it, or name another")
    entries = set(os.listdir(path))
    foreign = sorted(entries if "interface.json" not in entries else entries - BUILD_ENTRIES)
    if foreign:
        raise QoptError(
            f"'{path}' holds '{foreign[0]}', which no build made, and is not replaced even with --force",
            mend="name another output folder, or move that away",
        )


def _cannot_write(path: Path, fault: OSError) -> QoptError:
    return QoptError(f"cannot write '{path}': {fault.strerror or fault}", mend="choose a place that can be written to")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
