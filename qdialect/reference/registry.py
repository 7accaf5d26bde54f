# SPDX-License-Identifier: Apache-2.0
"""Which function gives an op its meaning.

A meaning is called once, before any run, with the op and what is known of its operands. It returns what is known of
the results and a kernel. The kernel gets the arrays of those operands that are no constants, in order, and returns the
array of the result (a tuple if there are several).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
from xdsl.ir import Operation

from ..errors import QoptError
from ..formats import IntRange
from .values import Array, Numbers

Kernel: TypeAlias = Callable[..., Any]
OpT = TypeVar("OpT", bound=Operation)
Compiled: TypeAlias = tuple[Sequence[Numbers], Kernel]
Build: TypeAlias = Callable[[OpT, Sequence[Numbers]], Compiled]


@dataclass(frozen=True)
class Meaning:
    """`build(op, operands) -> (results, kernel)`; `view`: the result shares the memory of the first operand."""

    build: Callable[[Any, Sequence[Numbers]], Compiled]
    view: bool = False


@dataclass(frozen=True)
class Checked:
    """A kernel with a check of the promise that op and type make beyond what the operands show."""

    op: Operation
    kernel: Kernel
    promised: IntRange

    def __call__(self, *arrays: Array) -> Array:
        result = self.kernel(*arrays)
        if not result.size:
            return result
        low, high = int(np.minimum.reduce(result, axis=None)), int(np.maximum.reduce(result, axis=None))
        if low < self.promised.lo or high > self.promised.hi:
            raise QoptError(
                f"{self.op.name} gives the code {low if low < self.promised.lo else high}, outside its range "
                f"{self.promised.lo} to {self.promised.hi}",
                self.op,
                "the range is no proof: remove it and run q-infer-ranges",
            )
        return result


_MEANINGS: dict[type[Operation], Meaning] = {}  # filled while this package is imported, then only read


def meaning(*op_classes: type[OpT], view: bool = False) -> Callable[[Build[OpT]], Build[OpT]]:
    """Register the decorated function as the meaning of the op classes."""

    def register(build: Build[OpT]) -> Build[OpT]:
        for op_class in op_classes:
            assert op_class not in _MEANINGS, op_class
            _MEANINGS[op_class] = Meaning(build, view)
        return build

    return register


def meaning_of(op: Operation) -> Meaning | None:
    """The registered meaning of an op, or of the nearest class above it that has one; else None."""
    return next((_MEANINGS[class_] for class_ in type(op).__mro__ if class_ in _MEANINGS), None)


__all__ = ["Checked", "Compiled", "Kernel", "Meaning", "meaning", "meaning_of"]
