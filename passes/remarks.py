# SPDX-License-Identifier: Apache-2.0
"""Remarks: what a pass declined to do, and why. Shown by `qopt -v`."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from xdsl.ir import Operation

from ..qdialect.errors import describe_location

_remarks: ContextVar[list[str] | None] = ContextVar("remarks", default=None)


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
