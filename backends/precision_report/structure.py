# SPDX-License-Identifier: Apache-2.0
"""The layers of a quantised network of the graph level: codes and scales of weights, quantisers of activations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias, cast

import numpy as np
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, BlockArgument, Operation, SSAValue

from ...passes.calibration.functions import feeds_function
from ...passes.calibration.layers import layer_kind, node_names
from ...passes.calibration.quantizer import largest_number
from ...passes.calibration.scoring import numbers_of
from ...passes.hardware_support import argument_name
from ...passes.rewriting import is_constant
from ...qdialect.attrs import Array
from ...qdialect.float_formats import decode
from ...qdialect.q import (
    AddOp,
    BinaryOp,
    ConcatOp,
    ConstantOp,
    Convolution,
    DivOp,
    MatMulOp,
    MaxPoolOp,
    MoveOp,
    MulOp,
    QuantizeOp,
    ReduceExtremeOp,
    ReluOp,
    SubOp,
)
from ...qdialect.q.inference import constant_of
from ...qdialect.rounding import saturation_range
from ...qdialect.types import FloatType, FormatType, element_type, integer_format, is_f32, is_integer_type, shape_of

Product: TypeAlias = MatMulOp | Convolution
FLOAT_BITS = 32


@dataclass(frozen=True)
class Coded:
    """A constant of a number format: each number is `codes * factor + offset`.

    `codes` are integers; for a custom float they are the numbers that it holds, and for float32 the numbers themselves.
    """

    value: SSAValue
    type: Attribute
    codes: Array
    factor: Array
    offset: Array

    @property
    def numbers(self) -> Array:
        return self.codes * self.factor + self.offset


@dataclass(frozen=True, eq=False)
class Activation:
    """A quantiser of a value: `source` are the numbers in front of it, `result` those behind, with their scale.

    A code k of F fraction bits stands for `(k * 2^-F - zero_point) * scale`. Not `comparable`: `source` is scaled
    otherwise, so that its numbers cannot be compared with those behind.
    """

    op: QuantizeOp
    source: SSAValue
    result: SSAValue
    scale: Array
    zero_point: Array
    comparable: bool = True


@dataclass
class Layer:
    """A product with constant weights and what it gives to the next, or a value that is quantised by itself.

    `function`: the quantiser in front of a sigmoid, tanh, ... of the layer, `activation` is then behind that.
    """

    names: tuple[str, ...]
    kind: str
    place: int  # of its first op
    product: Product | None = None
    weight_index: int = 0
    weight: Coded | None = None
    bias: Coded | None = None
    function: Activation | None = None
    activation: Activation | None = None

    @property
    def quantizers(self) -> list[Activation]:
        """Of what the layer computes, in their order."""
        return [one for one in (self.function, self.activation) if one is not None]

    @property
    def name(self) -> str:
        return self.names[0] if self.names else self.kind


@dataclass
class _Finder:
    """Collects the layers of a function, op by op."""

    places: dict[Operation, int] = field(default_factory=dict[Operation, int])
    layers: list[Layer] = field(default_factory=list[Layer])

    def add(self, op: Operation) -> None:
        if isinstance(op, MatMulOp | Convolution):
            self._add_product(op)
        elif isinstance(op, QuantizeOp) and isinstance(element_type(op.result), FormatType):
            self._add_activation(quantizer_of(op))

    def _add_product(self, op: Product) -> None:
        constant = [is_constant(operand) for operand in op.operands[:2]]
        if constant[0] == constant[1]:
            return
        index = constant.index(True)
        bias = bias_of(op)
        names = node_names([op] if bias is None else [op, bias[0]])
        weight = coded(op.operands[index])
        layer = Layer(names, layer_kind(op), self.places[op], op, index, weight, None if bias is None else bias[1])
        self.layers.append(layer)

    def _add_activation(self, activation: Activation) -> None:
        ops, kind, first = self._origin(activation.source)
        role = "function" if kind != "input" and feeds_function(activation.op) else "activation"
        for layer in self.layers:
            follows = bool(ops) and layer.product is ops[0] and not layer.quantizers
            follows |= layer.function is not None and layer.function.op is first.owner and layer.activation is None
            if follows:
                setattr(layer, role, activation)
                layer.names = tuple(dict.fromkeys((*layer.names, *node_names(ops))))
                return
        names = node_names(ops)
        if kind == "input":
            names = (*([argument_name(first)] if isinstance(first, BlockArgument) else []), *names)
        place = self.places[ops[0]] if ops else -1
        layer = Layer(names or node_names([activation.op]), kind, place)
        setattr(layer, role, activation)
        self.layers.append(layer)

    def _origin(self, value: SSAValue) -> tuple[list[Operation], str, SSAValue]:
        """The ops of the layer that computes a value, its kind, and the value in front of them, as a rule codes."""
        ops = list[Operation]()
        while isinstance(value.owner, Operation) and not isinstance(value.owner, QuantizeOp):
            ops.insert(0, value.owner)
            kind = layer_kind(value.owner)
            dynamic = [operand for operand in value.owner.operands if not is_constant(operand)]
            if len(dynamic) != 1 or kind != "other":
                return ops, "add" if kind == "other" and len(dynamic) > 1 else kind, value
            value = dynamic[0]
        return ops, "input" if isinstance(value, BlockArgument) else "other", value


def held(type_: Attribute, narrow: bool = False) -> tuple[float, float]:
    """The least and the greatest number of a format, in codes (for a custom float in numbers)."""
    if isinstance(type_, FloatType):
        largest = float(largest_number(type_))
        return -largest, largest
    codes = saturation_range(integer_format(type_), narrow)
    return codes.lo, codes.hi


def find_layers(main: FuncOp) -> list[Layer]:
    """The layers of @main in order; its constants are folded (q-fold-constants)."""
    ops = list(main.body.block.ops)
    finder = _Finder({op: place for place, op in enumerate(ops)})
    for op in ops:
        finder.add(op)
    return sorted(finder.layers, key=lambda layer: layer.place)


def activations_behind(value: SSAValue, results: Mapping[SSAValue, Activation]) -> list[Activation] | None:
    """The quantisers that the numbers of a value come from through moves and maxima alone; None if from elsewhere."""
    if value in results:
        return [results[value]]
    op = value.owner
    if isinstance(op, MaxPoolOp | ReduceExtremeOp | ReluOp):
        return activations_behind(op.operands[0], results)
    if not isinstance(op, ConcatOp | MoveOp):
        return None
    found = [activations_behind(operand, results) for operand in op.operands if not is_constant(operand)]
    return None if None in found else [one for part in found if part is not None for one in part]


def code_bits(value: SSAValue, known: dict[SSAValue, int]) -> int:
    """Bits of the codes that a value comes from, through any arithmetic but products; `known` has what was found."""
    type_, op = element_type(value), value.owner
    if value not in known:
        if isinstance(type_, FormatType):
            known[value] = type_.bitwidth
        elif not isinstance(op, Operation) or isinstance(op, MatMulOp | Convolution):
            known[value] = FLOAT_BITS
        else:
            dynamic = [operand for operand in op.operands if not is_constant(operand)]
            known[value] = max((code_bits(operand, known) for operand in dynamic), default=FLOAT_BITS)
    return known[value]


def activation_quantum(activation: Activation) -> float | None:
    """What one code more of an activation adds; None without one number for all, or with a zero point."""
    type_ = element_type(activation.op.result)
    if not is_integer_type(type_) or activation.zero_point.any() or activation.scale.size != 1:
        return None
    return float(np.ldexp(activation.scale.reshape(-1)[0], -integer_format(type_).fraction_bits))


def quantizer_of(op: QuantizeOp) -> Activation:
    """A quantiser with the division by a scale in front of it and the multiplication behind, where they are there."""
    value, zero, scale = op.result, np.zeros(()), np.ones(())
    shift = _only_user(value, SubOp)
    if shift is not None and shift.lhs is value and (number := _number(shift.rhs)) is not None:
        value, zero = shift.result, number
    product = _only_user(value, MulOp)
    if product is not None and product.lhs is value and (number := _number(product.rhs)) is not None:
        value, scale = product.result, number
    source = op.input
    if isinstance(source.owner, AddOp) and zero.any() and _is_number(source.owner.rhs, zero):
        source = source.owner.lhs
    if isinstance(source.owner, DivOp) and _is_number(source.owner.rhs, scale):
        source = source.owner.lhs
    elif scale.size != 1 or float(scale.reshape(-1)[0]) != 1.0:
        return Activation(op, op.input, value, scale, zero, comparable=False)
    return Activation(op, source, value, scale, zero)


def bias_of(op: Product) -> tuple[BinaryOp, Coded] | None:
    """The addition of a constant for each channel that alone uses the sums, and that constant."""
    user = _only_user(op.result, AddOp)
    if user is None or shape_of(user.result) != shape_of(op.result):
        return None
    other = user.rhs if user.lhs is op.result else user.lhs
    found = coded(other) if is_constant(other) else None
    return None if found is None else (user, found)


def coded(value: SSAValue) -> Coded | None:
    """The codes behind a constant expression of scales and zero points; None if it is more than that."""
    constant = constant_of(value)
    if constant is not None and isinstance(value.owner, ConstantOp):
        type_ = constant.type.element_type
        if isinstance(type_, FloatType):
            return Coded(value, type_, decode(constant.array, type_.format), np.ones(()), np.zeros(()))
        if is_integer_type(type_):
            quantum = np.asarray(2.0 ** -integer_format(type_).fraction_bits)
            return Coded(value, type_, constant.array.astype(np.int64), quantum, np.zeros(()))
        return Coded(value, type_, constant.array, np.ones(()), np.zeros(())) if is_f32(type_) else None
    op = value.owner
    if not isinstance(op, BinaryOp):
        return None
    for side, other in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        inner, number = coded(side), _number(other)
        if inner is not None and number is not None and isinstance(inner.type, FormatType):
            return _through(op, inner, number, side is op.lhs)
    return None


def _through(op: BinaryOp, inner: Coded, number: Array, left: bool) -> Coded | None:
    """`inner op number`, or the other way round if not `left`."""
    if isinstance(op, MulOp):
        return replace(inner, factor=inner.factor * number, offset=inner.offset * number)
    if isinstance(op, DivOp) and left:
        return replace(inner, factor=inner.factor / number, offset=inner.offset / number)
    if isinstance(op, AddOp):
        return replace(inner, offset=inner.offset + number)
    return replace(inner, offset=inner.offset - number) if isinstance(op, SubOp) and left else None


def _number(value: SSAValue) -> Array | None:
    """A constant as float64 numbers."""
    constant = constant_of(value)
    if constant is None:
        return None
    array = np.asarray(numbers_of(value, constant.array))
    return array.astype(np.float64)


def _is_number(value: SSAValue, number: Array) -> bool:
    found = _number(value)
    return found is not None and np.array_equal(found.reshape(-1), number.reshape(-1))


def _only_user(value: SSAValue, class_: type[Operation]) -> BinaryOp | None:
    """The one op that uses a value, if it is of that class."""
    users = {use.operation for use in value.uses}
    user = next(iter(users)) if len(users) == 1 else None
    return cast(BinaryOp, user) if isinstance(user, class_) else None
