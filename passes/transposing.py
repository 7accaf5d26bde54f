# SPDX-License-Identifier: Apache-2.0
"""How ops compute with the axes of their tensors in another order: `op(x)` transposed is `other(x transposed)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, i64
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from ..qdialect.attrs import Array, DenseAttr
from ..qdialect.q import (
    BinaryOp,
    ClipOp,
    ConcatOp,
    ConstantOp,
    DepthToSpaceOp,
    FloatFunctionOp,
    GatherOp,
    InterleaveOp,
    PadOp,
    PReluOp,
    QOp,
    QuantizeOp,
    ReduceExtremeOp,
    ReduceSumOp,
    ReluOp,
    ReshapeOp,
    SliceOp,
    SoftmaxOp,
    TableOp,
    ThresholdOp,
    TransposeOp,
)
from ..qdialect.q.base import tensor
from ..qdialect.q.inference import constant_of
from ..qdialect.types import element_type, shape_of
from .rewriting import at, with_proof

Permutation: TypeAlias = tuple[int, ...]  # axis i of the transposed tensor is axis permutation[i]

ROWS = (ThresholdOp, TableOp)  # with a constant that has a row for each channel
ELEMENTWISE = (BinaryOp, ReluOp, ClipOp, PReluOp, QuantizeOp, *ROWS)


def inverse(permutation: Sequence[int]) -> Permutation:
    return tuple(permutation.index(axis) for axis in range(len(permutation)))


def producer(op: Operation) -> Operation:
    """What gives the numbers that a reshape or transposition moves; any other op itself."""
    while isinstance(op, ReshapeOp | TransposeOp) and isinstance(op.input.owner, Operation):
        op = op.input.owner
    return op


def images(op: Operation) -> list[SSAValue] | None:
    """The operands that are transposed together with the result of `op`; None if `op` cannot be transposed.

    The others are constants: `transposed` rebuilds those that broadcast, and keeps thresholds, tables and borders.
    """
    match op:
        case BinaryOp() | ClipOp() | PReluOp():
            computed = [value for value in op.operands if constant_of(value) is None]
            full = all(len(shape_of(value)) == len(shape_of(op.results[0])) for value in computed)
            return computed if computed and full else None
        case ReduceSumOp() | ReduceExtremeOp():
            return [op.operands[0]]
        case QuantizeOp() | ReluOp() | ThresholdOp() | TableOp() | SliceOp() | GatherOp() | PadOp() | DepthToSpaceOp():
            return [op.operands[0]]
        case FloatFunctionOp() if not isinstance(op, SoftmaxOp):
            return [op.input]
        case ConcatOp() | InterleaveOp():
            return list(op.inputs)
        case _:
            return None


def behind(op: Operation, permutation: Permutation) -> Permutation:
    """How the result of `op` is transposed where its images are transposed with `permutation`."""
    if not isinstance(op, ReduceSumOp | ReduceExtremeOp) or op.keep_dims:
        return permutation
    kept = [axis for axis in range(len(permutation)) if axis not in op.axes]
    return tuple(kept.index(axis) for axis in permutation if axis in kept)


def transposed(op: QOp, permutation: Permutation, moved: dict[SSAValue, SSAValue]) -> list[Operation]:
    """Ops of which the last gives the result of `op` transposed, from `moved`: its images, transposed.

    The result is transposed as `behind` says.
    """
    constants, operands = list[Operation](), list[SSAValue]()
    for operand in op.operands:
        value = moved.get(operand)
        if value is None and isinstance(op, ELEMENTWISE) and not isinstance(op, ROWS):
            constants.append(_constant(operand, permutation))
            value = constants[-1].results[0]
        operands.append(operand if value is None else value)
    rule = next((rule for class_, rule in _PROPERTIES.items() if isinstance(op, class_)), None)
    changed = rule(op, permutation) if rule else {}
    (result,) = op.results
    shape = [shape_of(result)[axis] for axis in behind(op, permutation)]
    type_ = tensor(element_type(result), shape)
    properties = {name: value for name, value in {**op.properties, **changed}.items() if value is not None}
    new = type(op).create(operands=operands, result_types=[type_], properties=properties)
    return [*constants, with_proof(op, at(new, op))]


def same_for_all(op: Operation, rank: int) -> bool:
    """Whether `op` does the same to each number of its one computed operand, also where that has `rank` axes."""
    if isinstance(op, FloatFunctionOp):
        return not isinstance(op, SoftmaxOp)
    if not isinstance(op, ELEMENTWISE):
        return False
    if isinstance(op, ROWS):
        return shape_of(op.operands[1])[0] == 1
    constants = [constant_of(value) for value in op.operands[1:]]
    return all(known is not None and known.array.size == 1 and known.array.ndim <= rank for known in constants)


def on_view_input(op: Operation, x: SSAValue) -> Operation:
    """`op`, which does the same to all elements, on the tensor `x` of another shape."""
    properties = {name: value for name, value in op.properties.items() if name != "axis"}
    type_ = tensor(element_type(op.results[0]), shape_of(x))
    new = type(op).create(operands=[x, *op.operands[1:]], result_types=[type_], properties=properties)
    new.results[0].name_hint = op.results[0].name_hint
    return with_proof(op, at(new, op))


def permuted(value: SSAValue, axis: int, order: Array, user: Operation) -> SSAValue:
    """A constant operand in the new order along an axis; as it is where it says the same for all elements."""
    attribute = constant_of(value)
    assert attribute is not None, "vectors meet constants"
    array = attribute.array
    if not array.ndim or array.shape[axis] == 1:
        return value
    new = ConstantOp(DenseAttr(np.take(array, order, axis=axis), attribute.type))
    new.result.name_hint = value.name_hint
    Rewriter.insert_op(at(new, value.owner) if isinstance(value.owner, Operation) else new, InsertPoint.before(user))
    return new.result


def permute_constants(op: Operation, axis: int, order: Array) -> None:
    """Give the constant operands of an op a new order along an axis: old place of each."""
    for index, value in enumerate(op.operands):
        if constant_of(value) is not None:
            op.operands[index] = permuted(value, axis, order, op)


def _constant(value: SSAValue, permutation: Permutation) -> ConstantOp:
    """A constant that broadcasts to the result of an op, as it does behind the transposition."""
    attribute = constant_of(value)
    assert attribute is not None, "the computed operands are images"
    array = attribute.array
    if array.size > 1:
        array = array.reshape((1,) * (len(permutation) - array.ndim) + array.shape).transpose(permutation)
        array = array.reshape(array.shape[next(axis for axis, size in enumerate(array.shape) if size > 1) :])
    new = ConstantOp(DenseAttr(array, tensor(attribute.type.element_type, array.shape)))
    new.result.name_hint = value.name_hint
    return new


def _axis(permutation: Permutation, axis: int) -> Attribute:
    return IntegerAttr(permutation.index(axis), i64)


def _lists(*names: str) -> Callable[[QOp, Permutation], dict[str, Attribute | None]]:
    """A rule for properties with one number for each axis."""

    def rule(op: QOp, permutation: Permutation) -> dict[str, Attribute | None]:
        lists = {name: getattr(op, name) for name in names}
        return {name: _integers([numbers[axis] for axis in permutation]) for name, numbers in lists.items()}

    return rule


def _integers(numbers: Sequence[int]) -> Attribute:
    return DenseArrayBase.from_list(i64, list(numbers))


def _rows(op: QOp, permutation: Permutation) -> dict[str, Attribute | None]:
    assert isinstance(op, ROWS)
    last = permutation[-1] == op.axis
    return {"axis": None if last else _axis(permutation, op.axis)}


def _reduction(op: QOp, permutation: Permutation) -> dict[str, Attribute | None]:
    assert isinstance(op, ReduceSumOp | ReduceExtremeOp)
    return {"axes": _integers(sorted(permutation.index(axis) for axis in op.axes))}


def _one_axis(op: QOp, permutation: Permutation) -> dict[str, Attribute | None]:
    assert isinstance(op, ConcatOp | GatherOp)
    return {"axis": _axis(permutation, op.axis)}


def _grid(op: QOp, permutation: Permutation) -> dict[str, Attribute | None]:
    assert isinstance(op, DepthToSpaceOp | InterleaveOp)
    axes: dict[str, Attribute | None] = {"axes": _integers([permutation.index(axis) for axis in op.axes])}
    return axes | {"axis": _axis(permutation, op.axis)} if isinstance(op, DepthToSpaceOp) else axes


_PROPERTIES: dict[type[QOp], Callable[[QOp, Permutation], dict[str, Attribute | None]]] = {
    ThresholdOp: _rows,
    TableOp: _rows,
    ReduceSumOp: _reduction,
    ReduceExtremeOp: _reduction,
    ConcatOp: _one_axis,
    DepthToSpaceOp: _grid,
    InterleaveOp: _grid,
    GatherOp: _one_axis,
    SliceOp: _lists("starts", "sizes", "steps"),
    PadOp: _lists("low", "high"),
}
