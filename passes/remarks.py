# SPDX-License-Identifier: Apache-2.0
"""Remarks: what a pass declined to do, and why, shown by `qopt -v`; and figures of searches, for reports."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

from xdsl.ir import Operation

from ..qdialect.errors import describe_location

Figures: TypeAlias = dict[str, Any]  # as JSON has them

_remarks: ContextVar[list[str] | None] = ContextVar("remarks", default=None)
_searches: ContextVar[list[Figures] | None] = ContextVar("searches", default=None)


@contextmanager
def collected_remarks() -> Generator[list[str]]:
    """Within this context, `remark` adds to the list that is given out."""
    remarks: list[str] = []
    token = _remarks.set(remarks)
    try:
        yield remarks
    finally:
        _remarks.reset(token)


def remark(op: Operation, text: str) -> None:
    """Say that a rewrite of `op` was declined: `remark: scale at 'Mul_7' not absorbed: not constant`."""
    remarks = _remarks.get()
    if remarks is not None:
        place = describe_location(op) or op.name
        line = f"remark: {text}\n  at: {place}"
        if line not in remarks:
            remarks.append(line)


@contextmanager
def collected_searches() -> Generator[list[Figures]]:
    """Within this context, `record_search` adds to the list that is given out."""
    searches: list[Figures] = []
    token = _searches.set(searches)
    try:
        yield searches
    finally:
        _searches.reset(token)


def record_search(figures: Figures) -> None:
    """Say what a search tried and chose; a build reports it."""
    searches = _searches.get()
    if searches is not None:
        searches.append(figures)
