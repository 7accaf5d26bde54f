# SPDX-License-Identifier: Apache-2.0
"""One quantiser: `(quantize(x / scale + zero_point) - zero_point) * scale`, as numbers and as ops.

The ops are those that the import of a QONNX `Quant` gives. A power of two as the scale of the whole tensor becomes the
fraction bits of the type.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from xdsl.dialects.builtin import Float32Type
from xdsl.ir import Operation, SSAValue

from ...qdialect.attrs import Array
from ...qdialect.float_formats import decode, encode_float, value_of
from ...qdialect.formats import FloatFormat, IntRange, Overflow, Rounding
from ...qdialect.q import AddOp, DivOp, MulOp, QuantizeOp, SubOp
from ...qdialect.rounding import saturation_range
from ...qdialect.types import FixedType, FloatType, UFixedType, integer_format
from ..rewriting import at, constant


@dataclass(frozen=True)
class Quantizer:
    """A number format, and the scale that brings numbers into it.

    Args:
        type: of the codes; its fraction bits are 0.
        scale: float32, positive; a scalar, or an array that broadcasts against the numbers.
        zero_point: code that stands for 0; an integer within the type.
        narrow: the lowest code of a signed type is not used.
    """

    type: FixedType | UFixedType | FloatType
    scale: Array
    zero_point: int = 0
    narrow: bool = False

    @property
    def codes(self) -> IntRange:
        """Codes less the zero point, of a fixed format."""
        held = saturation_range(integer_format(self.type), self.narrow)
        return IntRange(held.lo - self.zero_point, held.hi - self.zero_point)

    def quanta(self, numbers: Array) -> Array:
        """`quantize(x / scale + zero_point) - zero_point` as floats."""
        scaled = numbers.astype(np.float32) / self.scale
        if isinstance(self.type, FloatType):
            return float_values(scaled, self.type.format)
        codes = self.codes
        shifted = np.rint(scaled + np.float32(self.zero_point)) - np.float32(self.zero_point)
        return np.clip(shifted, codes.lo, codes.hi)

    def apply(self, numbers: Array) -> Array:
        """The numbers that are left, float32."""
        return (self.quanta(numbers) * self.scale).astype(np.float32)

    def emit(self, x: SSAValue, place: Operation | None) -> list[Operation]:
        """Ops whose last result is the quantised `x`, with the location of `place`."""
        exponent = self._exponent
        if exponent is not None and isinstance(self.type, FixedType | UFixedType):
            type_ = type(self.type)(self.type.format.word_length, -exponent)
            ops: list[Operation] = [QuantizeOp(x, type_, narrow=self.narrow)]
        else:
            ops = self._emit_scaled(x)
        return [at(op, place) for op in ops] if place is not None else ops

    @property
    def _exponent(self) -> int | None:
        """e if the scale is 2^e for the whole tensor, and nothing is added."""
        if self.scale.size != 1 or self.zero_point:
            return None
        mantissa, exponent = np.frexp(self.scale.reshape(-1)[0])
        return int(exponent) - 1 if mantissa == np.float32(0.5) else None

    def _emit_scaled(self, x: SSAValue) -> list[Operation]:
        scale = constant(self.scale.astype(np.float32), Float32Type())
        ops: list[Operation] = [scale, DivOp(x, scale.result)]
        zero = constant(np.asarray(self.zero_point, np.float32), Float32Type()) if self.zero_point else None
        if zero is not None:
            ops += [zero, AddOp(ops[-1].results[0], zero.result)]
        ops.append(QuantizeOp(ops[-1].results[0], self.type, narrow=self.narrow))
        if zero is not None:
            ops.append(SubOp(ops[-1].results[0], zero.result))
        return [*ops, MulOp(ops[-1].results[0], scale.result)]


def float_values(numbers: Array, format_: FloatFormat) -> Array:
    """The nearest numbers of a float format (ties to even), saturated; float32."""
    return decode(encode_float(numbers, format_, Rounding.HALF_EVEN, Overflow.SATURATE), format_).astype(np.float32)


def largest_number(type_: FixedType | UFixedType | FloatType) -> Fraction:
    """The largest number that the codes of a type stand for, at a scale of one."""
    if isinstance(type_, FloatType):
        return value_of(type_.format.max_code, type_.format)
    return Fraction(type_.format.code_range.hi)
