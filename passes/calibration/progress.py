# SPDX-License-Identifier: Apache-2.0
"""One line that says how far long work is, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def terminal_progress() -> Generator[Callable[[str], None]]:
    """Gives a function that shows a text in place of the one before; the line is empty afterwards."""

    def show(text: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\033[K{text}")
            sys.stderr.flush()

    try:
        yield show
    finally:
        show("")
