# SPDX-License-Identifier: Apache-2.0
"""Make everything behind the first quantiser exact: real numbers and fixed-point types instead of float32 arithmetic.

Before:
    %q = q.quantize %x half_even saturate : tensor<1x4xf32> -> tensor<1x4x!q.fixed<8, 0>>
    %0 = q.mul %q, %s : tensor<1x4x!q.fixed<8, 0>>, tensor<f32> -> tensor<1x4xf32>
    %1 = q.softmax %0 axis 1 : tensor<1x4xf32>
After:
    %q = q.quantize %x half_even saturate : tensor<1x4xf32> -> tensor<1x4x!q.fixed<8, 0>>
    %0 = q.mul %q, %s : tensor<1x4x!q.fixed<8, 0>>, tensor<!q.real> -> tensor<1x4x!q.real>
    %1 = q.quantize %0 half_even saturate : tensor<1x4x!q.real> -> tensor<1x4xf32>
    %2 = q.softmax %1 axis 1 : tensor<1x4xf32>

Approximate: float32 rounding disappears, so results differ from the float32 network by its rounding errors, and codes
by one where such an error crosses a rounding boundary (`--verify-each` reports the largest difference).
Needs: quantisers in the network.   Keeps: constants at their exact float32 values; the function's types.
Leaves: float32 in front of the first quantiser, float functions (softmax, ...), products with float32 weights that are
no whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import Float32Type, ModuleOp, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.transforms.dead_code_elimination import is_trivially_dead

from ..qdialect.errors import QoptError
from ..qdialect.formats import IntRange
from ..qdialect.q import (
    AddOp,
    BatchNormOp,
    ConstantOp,
    Convolution,
    DivOp,
    MatMulOp,
    MoveOp,
    MulOp,
    QOp,
    QuantizeOp,
    SubOp,
    ThresholdOp,
)
from ..qdialect.q.inference import constant_of
from ..qdialect.rounding import least_codes
from ..qdialect.types import element_type, fixed_type, integer_format, is_f32, is_integer_type
from .rewriting import at, constant, fixed_constant, real_constant, values_of

_PRODUCTS = (MatMulOp, Convolution)  # float32 weights keep these in float32, unless they are whole numbers
_LARGEST_WHOLE = 2.0**53


@dataclass
class _Conversion:
    """One function on its way: `exact` maps float32 values to the exact values that replace them."""

    exact: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    float32: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    constants: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])

    def convert(self, block: Block) -> None:
        ops = list(block.ops)
        for op in ops:
            if isinstance(op, ConstantOp):
                continue
            if isinstance(op, QuantizeOp):
                self._convert_quantizer(op)
            elif isinstance(op, QOp) and not op.FLOAT_ONLY and self._becomes_exact(op):
                self._convert_op(op)
            else:
                self._back_to_float32(op)
        for op in reversed(ops):
            if is_trivially_dead(op):
                Rewriter.erase_op(op)

    def _becomes_exact(self, op: Operation) -> bool:
        """True if an operand is exact, and none is computed in float32. What streams carry is exact as it is."""
        if not all(isinstance(operand.type, TensorType) for operand in op.operands):
            return False
        if isinstance(op, DivOp) and not _divides_exactly(op):
            return False
        weights = [operand for operand in op.operands if _is_float_constant(operand)]
        if isinstance(op, _PRODUCTS) and any(self._whole_codes(op, value) is None for value in weights):
            return False
        kinds = [self._is_exact(operand) for operand in op.operands if not _is_float_constant(operand)]
        return any(is_f32(element_type(value)) for value in op.operands) and bool(kinds) and all(kinds)

    def _is_exact(self, value: SSAValue) -> bool:
        return value in self.exact or not is_f32(element_type(value))

    def _convert_quantizer(self, op: QuantizeOp) -> None:
        op.operands[0] = self.exact.get(op.input, op.input)
        if is_f32(element_type(op.result)):
            self.exact[op.result] = op.input
            self.float32[op.result] = op.result

    def _convert_op(self, op: QOp) -> None:
        operands = [self._operand(op, operand) for operand in op.operands]
        new = op.on(operands)
        Rewriter.insert_op(new, InsertPoint.before(op))
        for before, after in zip(op.results, new.results, strict=True):
            after.name_hint = before.name_hint
            if is_f32(element_type(before)):
                self.exact[before] = after
            else:
                before.replace_all_uses_with(after)

    def _operand(self, op: Operation, value: SSAValue) -> SSAValue:
        if value in self.exact:
            return self.exact[value]
        attribute = constant_of(value)
        if attribute is None or not is_f32(element_type(value)):
            return value
        if not np.isfinite(attribute.array).all():
            raise QoptError(f"{op.name} has a constant that is infinite or NaN", op, "give it finite constants")
        if isinstance(op, BatchNormOp):
            return value  # the parameters of a batch normalisation are exact numbers as they are
        if isinstance(op, ThresholdOp) and (codes := self._threshold_codes(op)) is not None:
            Rewriter.insert_op(codes, InsertPoint.before(op))
            return codes.result
        if (fraction_bits := self._whole_codes(op, value)) is not None:
            whole = fixed_constant(values_of(attribute), fraction_bits)
            whole.result.name_hint = value.name_hint
            Rewriter.insert_op(whole, InsertPoint.before(op))
            return whole.result
        if value not in self.constants:
            new = at(real_constant(values_of(attribute)), value.owner)  # pyright: ignore[reportArgumentType]
            new.result.name_hint = value.name_hint
            Rewriter.insert_op(new, InsertPoint.after(value.owner))  # pyright: ignore[reportArgumentType]
            self.constants[value] = new.result
        return self.constants[value]

    def _threshold_codes(self, op: ThresholdOp) -> ConstantOp | None:
        """Float32 thresholds of integer codes as such codes: a code reaches a threshold if it reaches its ceiling."""
        type_, attribute = element_type(self.exact.get(op.input, op.input)), constant_of(op.thresholds)
        if attribute is None or not is_integer_type(type_):
            return None
        format_ = integer_format(type_)
        codes = least_codes(attribute.array, format_)
        whole = constant(codes, fixed_type(IntRange(int(codes.min()), int(codes.max())), format_.fraction_bits))
        whole.result.name_hint = op.thresholds.name_hint
        return whole

    def _whole_codes(self, op: Operation, value: SSAValue) -> int | None:
        """The fraction bits with which a float32 constant is one of integer codes, beside a fixed-point operand.

        An offset counts quanta of that operand (a zero point); a factor or weight is a whole number. Else None.
        """
        other = next((operand for operand in op.operands if operand is not value), value)
        other = self.exact.get(other, other)
        attribute = constant_of(value)
        if attribute is None or not attribute.array.size or not is_integer_type(element_type(other)):
            return None
        if isinstance(op, MulOp) and constant_of(other) is not None:
            return None  # weights times their scale
        if isinstance(op, AddOp | SubOp | MoveOp):
            fraction_bits = integer_format(element_type(other)).fraction_bits
        elif isinstance(op, MulOp | MatMulOp | Convolution):
            fraction_bits = 0
        else:
            return None
        quanta = np.ldexp(attribute.array.astype(np.float64), fraction_bits)
        if not bool((np.abs(quanta) < _LARGEST_WHOLE).all()) or not bool((quanta == np.rint(quanta)).all()):
            return None
        return fraction_bits

    def _back_to_float32(self, op: Operation) -> None:
        """Give float32 to an op that works on float32."""
        for index, value in enumerate(op.operands):
            if value in self.exact:
                op.operands[index] = self._rounded(value, op)

    def _rounded(self, value: SSAValue, op: Operation) -> SSAValue:
        if value not in self.float32:
            place = self.exact[value].owner
            cast = QuantizeOp(self.exact[value], Float32Type())
            Rewriter.insert_op(at(cast, place) if isinstance(place, Operation) else cast, InsertPoint.before(op))
            self.float32[value] = cast.result
        return self.float32[value]


def _divides_exactly(op: DivOp) -> bool:
    """Exact numbers are divided by constants without zero alone."""
    divisor = constant_of(op.rhs)
    return divisor is not None and bool(divisor.array.all())


def _is_float_constant(value: SSAValue) -> bool:
    return constant_of(value) is not None and is_f32(element_type(value))


@dataclass(frozen=True)
class ConvertToTypedPass(ModulePass):
    """Make everything behind the first quantiser exact: real numbers and fixed-point types."""

    name = "q-convert-to-typed"
    exact: ClassVar[bool] = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if isinstance(function, FuncOp) and not function.is_declaration:
                assert isinstance(function.body.block.last_op, ReturnOp)
                _Conversion().convert(function.body.block)
