# SPDX-License-Identifier: Apache-2.0
"""Narrower ranges where values are related: sums whose operands come from the same values, chains of linear layers.

Behind such an op the graph is followed back, the latest op first and each once: of a sum until its branches meet, of a
layer as long as ops are linear. There are the symbols of an affine form; its bounds cut the interval of the op. How far
that is depends on the graph alone, not on ranges, so that the dataflow level proves what the typed level does.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import prod
from typing import Any

import numpy as np
from xdsl.ir import Operation, SSAValue

from ..qdialect.dataflow import AddOp as AddUnitOp
from ..qdialect.dataflow import ConcatOp as ConcatUnitOp
from ..qdialect.dataflow import DepthToSpaceOp as DepthToSpaceUnitOp
from ..qdialect.dataflow import DepthwiseOp, MatrixVectorOp, RequantizeOp, SlidingWindowOp, StreamType, UpsampleOp
from ..qdialect.dataflow import InterleaveOp as InterleaveUnitOp
from ..qdialect.dataflow import SliceOp as SliceUnitOp
from ..qdialect.dataflow import SubOp as SubUnitOp
from ..qdialect.q import AddOp, ConvOp, DivOp, MatMulOp, MoveOp, MulOp, QuantizeOp, SubOp
from ..qdialect.rounding import as_integers
from ..qdialect.types import element_type, is_integer_type
from .affine_forms import MAX_ENTRIES, Form, TooLarge, added, bounds, mapped, symbol
from .affine_rules import Linear, num_weights, rule_of, saturates, size_of
from .affine_units import carried_by, clips
from .interval import Array, Interval

SUMS = (AddOp, SubOp, AddUnitOp, SubUnitOp)
LAYERS = (MatMulOp, ConvOp, MatrixVectorOp, DepthwiseOp)
MOVES = (MoveOp, ConcatUnitOp, InterleaveUnitOp, DepthToSpaceUnitOp, SliceUnitOp, UpsampleOp)
LINEAR = (*SUMS, *LAYERS, SlidingWindowOp, MulOp, DivOp)
MAX_BETWEEN, MAX_CHAIN = 256, 16  # values followed back behind a sum, behind a layer


class Correlations:
    """What is known while the ops of a module are analysed in order.

    Attributes:
        ranges: those of the values so far.
        aliases: arguments of functions that are called once, and results of their calls: the same value elsewhere.
    """

    def __init__(self) -> None:
        self.ranges: dict[SSAValue, Interval] = {}
        self.aliases: dict[SSAValue, SSAValue] = {}
        self._order: dict[SSAValue, int] = {}
        self._moved: dict[SSAValue, Form] = {}

    def record(self, value: SSAValue, found: Interval) -> None:
        """The range of a value, behind all that it is computed from."""
        self._order[value] = len(self._order)
        self.ranges[value] = found

    def tightened(self, op: Operation, found: Interval) -> Interval:
        """The range of the one result of `op`, whose interval alone is `found`; never wider."""
        operands = self._computed(op)
        try:
            followed = self._followed(op, operands)
            return found if followed is None else _Forms(self).cut(op, followed, found)
        except TooLarge:
            return found

    def _followed(self, op: Operation, operands: Sequence[SSAValue]) -> list[SSAValue] | None:
        """The values behind `op` that become affine forms, in order; None if that tells nothing new."""
        if isinstance(op, SUMS) and len(operands) == 2:
            return self._between(*operands)
        if isinstance(op, LAYERS) and len(operands) == 1:
            return self._chain(operands[0])
        return None

    def place(self, value: SSAValue) -> SSAValue:
        """Where a value is computed: elsewhere if it is passed to a function, or if a stream carries it."""
        source = self.aliases.get(value, carried_by(value))
        while source is not None and source in self.ranges:
            value, source = source, self.aliases.get(source, carried_by(source))
        return value

    def _computed(self, op: Any) -> list[SSAValue]:
        """The operands that are not constant; none if one has no range, or if the op is no sum of them or too large."""
        if not isinstance(op, Operation) or rule_of(op) is None or any(x not in self.ranges for x in op.operands):
            return []
        if num_weights(op) > MAX_ENTRIES:
            return []
        return [self.place(operand) for operand in op.operands if not self.ranges[operand].is_point]

    def moved(self, value: SSAValue) -> Form:
        """The value as elements of others, which no op merely moves; only those of which elements are left."""
        op = value.owner
        if not isinstance(op, MOVES) or not self._computed(op):
            return symbol(value, prod(size_of(value)))
        if value not in self._moved:
            self._moved[value] = self._moved_by(op)
        return self._moved[value]

    def _moved_by(self, op: Operation) -> Form:
        rule = rule_of(op)
        linear = None if rule is None else rule(op, self.ranges)
        assert linear is not None, "what is moved is a sum"
        total = Form(prod(size_of(op.results[0])), {})
        for part in linear.parts:
            total = added(total, mapped(self.moved(self.place(part.value)), part.taps, part.weights))
        return total

    def _parts(self, value: SSAValue) -> list[SSAValue]:
        """The computed values whose elements the value has."""
        names = (name for name in self.moved(value).terms if isinstance(name, SSAValue))
        return [name for name in names if not self.ranges[name].is_point]

    def _sources(self, value: SSAValue) -> list[SSAValue]:
        """The values that a value is a sum of."""
        return [part for operand in self._computed(value.owner) for part in self._parts(operand)]

    def _between(self, first: SSAValue, second: SSAValue) -> list[SSAValue] | None:
        """The values from where two branches part up to them, in order; None if they do not come from one value."""
        branches = dict.fromkeys(self._parts(first), 1)  # of a value: 1 leads to the first, 2 to the second, 3 to both
        for value in self._parts(second):
            branches[value] = branches.get(value, 0) | 2
        todo, common, followed = set(branches), set[SSAValue](), list[SSAValue]()
        while len({branches[value] for value in todo}) > 1 or any(branches[value] == 3 for value in todo):
            value = self._take_latest(todo)
            if branches[value] == 3:
                common.add(value)
            elif len(followed) < MAX_BETWEEN:
                followed.append(value)
                for operand in self._sources(value):
                    branches[operand] = branches.get(operand, 0) | branches[value]
                    todo.add(operand)
        return self._leading_to(common, followed[::-1]) if common else None

    def _take_latest(self, todo: set[SSAValue]) -> SSAValue:
        value = max(todo, key=self._order.__getitem__)
        todo.remove(value)
        return value

    def _leading_to(self, common: set[SSAValue], followed: Sequence[SSAValue]) -> list[SSAValue]:
        kept = dict[SSAValue, None]()
        for value in followed:
            if any(source in common or source in kept for source in self._sources(value)):
                kept[value] = None
        return list(kept)

    def _chain(self, operand: SSAValue) -> list[SSAValue] | None:
        """The values that `operand` is a sum of, in order; None if no layer is among them."""
        todo, followed = set(self._parts(operand)), list[SSAValue]()
        while todo and len(followed) < MAX_CHAIN:
            value = self._take_latest(todo)
            if self._is_linear(value.owner):
                followed.append(value)
                todo.update(self._sources(value))
        return followed[::-1] if any(isinstance(value.owner, LAYERS) for value in followed) else None

    def _is_linear(self, op: Any) -> bool:
        """Whether a result is a sum of operands, but for rounding."""
        if not self._computed(op):
            return False
        if isinstance(op, QuantizeOp):
            return not saturates(op, self.ranges)
        return isinstance(op, LINEAR) or (isinstance(op, RequantizeOp) and not clips(op, self.ranges))


class _Forms:
    """Affine forms of the values behind one op."""

    def __init__(self, known: Correlations):
        self.known = known
        self.forms: dict[SSAValue, Form] = {}
        self.errors: dict[Hashable, Interval] = {}

    def cut(self, op: Operation, followed: Sequence[SSAValue], found: Interval) -> Interval:
        """`found`, cut to the bounds of the form of the result of `op`. `followed`: values with a form, in order."""
        for value in followed:
            form = self._expanded(value.owner)
            if form is not None:
                self.forms[value] = form
        form = self._expanded(op)
        if form is None:
            return found
        return _intersected(found, bounds(form, self._range_of), op.results[0])

    def _expanded(self, op: Any) -> Form | None:
        """The result of `op` by the forms of its operands; None if that is too large, or no sum."""
        rule = rule_of(op)
        try:
            linear = None if rule is None else rule(op, self.known.ranges)
            return None if linear is None else self._sum(op.results[0], linear)
        except TooLarge:
            return None

    def _sum(self, result: SSAValue, linear: Linear) -> Form:
        total = Form(prod(size_of(result)), {})
        for part in linear.parts:
            total = added(total, mapped(self._operand(self.known.place(part.value)), part.taps, part.weights))
        if linear.error is None:
            return total
        name = (result, "error")
        self.errors[name] = _in_a_row(linear.error, size_of(result))
        return added(total, symbol(name, total.elements))

    def _operand(self, value: SSAValue) -> Form:
        total = Form(prod(size_of(value)), {})
        for name, rows in self.known.moved(value).terms.items():
            assert isinstance(name, SSAValue)
            form = self.forms.get(name) or symbol(name, prod(size_of(name)))
            total = added(total, mapped(form, rows.index, rows.weights))
        return total

    def _range_of(self, name: Hashable) -> Interval:
        if isinstance(name, SSAValue):
            return _in_a_row(self.known.ranges[name], size_of(name))
        return self.errors[name]


def _in_a_row(x: Interval, shape: tuple[int, ...]) -> Interval:
    """One bound for each element of a tensor of this shape."""
    return x.map(lambda bound: _spread(bound, shape).reshape(-1))


def _spread(bound: Array, shape: tuple[int, ...]) -> Array:
    return np.broadcast_to(bound.reshape(()) if bound.size == 1 else bound, shape)


def _intersected(found: Interval, other: Interval, result: SSAValue) -> Interval:
    """`found` cut to the bounds `other` of all elements in a row: codes are whole, other bounds rounded outward."""
    shape, ratio = size_of(result), other.scale / found.scale
    lo = _least_of(other.lo.reshape(shape), found.lo.shape, np.minimum).astype(object) * ratio.numerator
    hi = _least_of(other.hi.reshape(shape), found.hi.shape, np.maximum).astype(object) * ratio.numerator
    if isinstance(result.type, StreamType) or is_integer_type(element_type(result)):
        lo, hi = -(-lo // ratio.denominator), hi // ratio.denominator
    else:
        lo, hi = lo // ratio.denominator, -(-hi // ratio.denominator)
    low, high = (as_integers(np.asarray(x)) for x in (np.maximum(found.lo, lo), np.minimum(found.hi, hi)))
    return Interval(low, high, found.scale)


def _least_of(bound: Array, shape: tuple[int, ...], ufunc: Any) -> Array:
    """The least (or greatest) bound of those that share one in `shape`."""
    if prod(shape) == 1:
        return np.full(shape, ufunc.reduce(bound, axis=None), dtype=object)
    padded = (1,) * (bound.ndim - len(shape)) + shape
    axes = tuple(axis for axis, size in enumerate(padded) if size == 1)
    return ufunc.reduce(bound, axis=axes, keepdims=True).reshape(shape)
