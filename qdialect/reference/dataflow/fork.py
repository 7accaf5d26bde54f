# SPDX-License-Identifier: Apache-2.0
"""Meaning of `dataflow.fork`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...dataflow import ForkOp
from ..registry import Compiled, meaning
from ..values import Array, Numbers


@meaning(ForkOp)
def fork(op: ForkOp, operands: Sequence[Numbers]) -> Compiled:
    numbers = operands[0]
    others, first_is_free = len(op.results) - 1, numbers.reusable

    def kernel(x: Array) -> tuple[Array, ...]:  # each branch may overwrite its own
        return (x if first_is_free else x.copy(), *(x.copy() for _ in range(others)))

    return [replace(numbers, reusable=False)] * len(op.results), kernel
