# SPDX-License-Identifier: Apache-2.0
"""What the ops of the q dialect share: operand constraints, shape rules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import numpy as np
from xdsl.dialects.builtin import Float32Type, TensorType
from xdsl.interfaces import HasFolderInterface
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import BaseAttr, IRDLOperation, opt_prop_def, result_def, traits_def
from xdsl.rewriter import Rewriter
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from ..attrs import Array, DenseAttr, RangeAttr
from ..formats import IntRange
from ..types import (
    BipolarType,
    FixedType,
    FloatType,
    QTensor,
    RealType,
    SharedType,
    UFixedType,
    element_type,
    fixed_type,
    is_f32,
    is_integer_type,
    shape_of,
    tensor_type,
    unshared,
)
from .inference import common_range, constant_of, typed_range, verify_holds

IntegerElement = BaseAttr(FixedType) | BaseAttr(UFixedType) | BaseAttr(BipolarType) | BaseAttr(SharedType)
AnyElement = IntegerElement | BaseAttr(FloatType) | BaseAttr(RealType) | BaseAttr(Float32Type)
AnyTensor = TensorType.constr(AnyElement)
FloatTensor = TensorType.constr(BaseAttr(Float32Type))
IntegerTensor = TensorType.constr(IntegerElement)


class QOp(IRDLOperation, ABC):
    """An op of the q dialect.

    `FLOAT_ONLY`: computes in float32 and has no exact meaning (softmax). `FOLLOWS_OPERANDS`: the element type of its
    results is that of its operands, whatever it is (reshape, top_k).
    """

    FLOAT_ONLY: ClassVar[bool] = False
    FOLLOWS_OPERANDS: ClassVar[bool] = False

    def fault(self, text: str) -> VerifyException:
        """A verifier's exception that names the op."""
        return VerifyException(f"{self.name} {text}")

    def infer_types(self) -> Sequence[QTensor]:
        """The types of the results, as they follow from the operands and attributes."""
        raise NotImplementedError(f"{self.name} has no rule for its result types")

    def verify_inferred_types(self) -> None:
        """VerifyException unless the results have the types that follow."""
        for result, expected in zip(self.results, self.infer_types(), strict=True):
            if result.type != expected:
                raise self.fault(f"gives {expected}, not {result.type}")

    def on(self, operands: Sequence[SSAValue]) -> Self:
        """The op on other operands, at the same location, without proofs, its result types inferred anew."""
        properties = {name: value for name, value in self.properties.items() if name != "range"}
        types = [result.type for result in self.results]
        new = type(self).create(operands=operands, result_types=types, properties=properties)
        new.location = self.location
        new.take_inferred_types()
        return new

    def take_inferred_types(self) -> None:
        """Give the results the types that follow from the operands."""
        for result, type_ in zip(tuple(self.results), self.infer_types(), strict=True):
            if result.type != type_:
                Rewriter.replace_value_with_new_type(result, type_)


class ArithmeticOp(QOp, ABC):
    """An exact op with one result. A subclass gives the shape of the result and the codes that it can have.

    Integer operands give the narrowest fixed type that holds every code (or every code of `range`, a proof); a
    `!q.real` or custom float operand gives real numbers; else an f32 operand makes it float32 arithmetic.
    """

    result = result_def(AnyTensor)
    range = opt_prop_def(RangeAttr)
    traits = traits_def(Pure())

    def __init__(
        self,
        operands: Sequence[SSAValue],
        properties: Mapping[str, Attribute | None] | None = None,
        result_type: QTensor | None = None,
        range: RangeAttr | None = None,
    ):
        super().__init__(
            operands=list(operands),
            result_types=[result_type or operands[0].type],
            properties={**(properties or {}), "range": range},
        )
        if result_type is None:
            self.take_inferred_types()

    @abstractmethod
    def infer_shape(self) -> tuple[int, ...]:
        """Shape of the result; VerifyException if the operands do not fit."""

    @abstractmethod
    def infer_range(self) -> tuple[IntRange, int]:
        """Codes and fraction bits of the result, for integer operands."""

    @property
    def numbers(self) -> Sequence[SSAValue]:
        """The operands whose types decide about the type of the result."""
        return self.operands

    def infer_types(self) -> Sequence[QTensor]:
        shape = self.infer_shape()  # first: the range may count on a shape that fits
        return [tensor(self._real_or_f32() or fixed_type(*self.infer_range()), shape)]

    def _real_or_f32(self) -> Attribute | None:
        """The element type of the result if it is no integer type."""
        types = [element_type(value) for value in self.numbers]
        if any(isinstance(type_, RealType) for type_ in types):
            return RealType()
        if any(is_f32(type_) for type_ in types):
            return Float32Type()
        return None if all(is_integer_type(type_) for type_ in types) else RealType()

    def verify_(self) -> None:
        shape = self.infer_shape()
        if shape != shape_of(self.result):
            raise self.fault(f"gives shape {list(shape)}, not {list(shape_of(self.result))}")
        expected, actual = self._real_or_f32(), element_type(self.result)
        if expected is None:
            verify_holds(self.name, actual, *self.infer_range(), self.range)
        elif expected != actual:
            types = " and ".join(str(element_type(value)) for value in self.numbers)
            raise self.fault(f"of {types} gives {expected}, not {actual}")


class MoveOp(QOp, HasFolderInterface, ABC):
    """An op that moves, repeats or selects elements and changes no number.

    A subclass says how (`move`, on arrays); constant folding, the meaning in the reference and the range analysis
    follow. Operands of one type keep it; else the result has the narrowest type that holds them all.
    """

    FOLLOWS_OPERANDS: ClassVar[bool] = True
    result = result_def(AnyTensor)
    traits = traits_def(Pure())

    def __init__(self, operands: Sequence[SSAValue], properties: Mapping[str, Attribute | None] | None = None):
        super().__init__(
            operands=list(operands), result_types=[operands[0].type], properties=dict(properties) if properties else {}
        )
        self.take_inferred_types()

    @abstractmethod
    def infer_shape(self) -> tuple[int, ...]:
        """Shape of the result; VerifyException if operands and attributes do not fit."""

    @abstractmethod
    def move(self, *arrays: Array, lead: int = 0) -> Array:
        """The result for arrays of the operands' shapes with `lead` more axes in front; a view, or a new array."""

    def infer_types(self) -> Sequence[QTensor]:
        return [tensor(common_type(self.operands), self.infer_shape())]

    def fold(self) -> Sequence[SSAValue | Attribute] | None:
        """A constant moved is a constant; elements that stay where they are need no op."""
        constants = [constant_of(operand) for operand in self.operands]
        arrays = [constant.array for constant in constants if constant is not None]
        same = all(unshared(element_type(operand)) == element_type(self.result) for operand in self.operands)
        if not same or len(arrays) != len(constants):
            return None
        return (DenseAttr(self.move(*arrays), tensor_type(self.result)),)

    def verify_(self) -> None:
        shape = self.infer_shape()
        if shape != shape_of(self.result):
            raise self.fault(f"gives shape {list(shape)}, not {list(shape_of(self.result))}")
        expected = common_type(self.operands)
        if element_type(self.result) != expected:
            raise self.fault(f"gives the element type {expected}, not {element_type(self.result)}")


def common_type(values: Sequence[SSAValue]) -> Attribute:
    """The type of all values if they have one; else the narrowest that holds them: fixed, f32 with f32, real."""
    types: list[Attribute] = list(dict.fromkeys(unshared(element_type(value)) for value in values))
    if len(types) == 1:
        return types[0]
    if all(is_integer_type(type_) for type_ in types):
        return fixed_type(*common_range(values, typed_range))  # else it would change with the ops that make them
    real = any(isinstance(type_, RealType) for type_ in types)
    return Float32Type() if not real and any(is_f32(type_) for type_ in types) else RealType()


def broadcast_shape(name: str, *values: SSAValue | Attribute) -> tuple[int, ...]:
    """numpy's broadcast of the operands' shapes; VerifyException if they do not fit."""
    shapes = [shape_of(value) for value in values]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        listed = " and ".join(str(list(shape)) for shape in shapes)
        raise VerifyException(f"{name} cannot broadcast shapes {listed}; mend: reshape one of them") from None


def tensor(element_type: Attribute, shape: Sequence[int]) -> TensorType[Attribute]:
    return TensorType(element_type, shape)
