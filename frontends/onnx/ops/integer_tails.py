# SPDX-License-Identifier: Apache-2.0
"""Requantisers that integer networks spell out: Deeploy's RequantShift, and rounding followed by a Clip.

`clip((x * mul + add + div / 2) >> log2(div))`: the sum of half the divisor and the shift round ties upwards.
"""

from __future__ import annotations

import numpy as np
from xdsl.ir import SSAValue

from ....qdialect.formats import IntRange, Overflow, Rounding
from ....qdialect.q import AddOp, CeilOp, FloorOp, MulOp, QuantizeOp, RoundOp
from ....qdialect.q.inference import narrow_range
from ....qdialect.types import FixedType, UFixedType, element_type, fixed_type, is_integer_type
from ..datatypes import whole_number_type
from ..model import STANDARD_DOMAIN, Array
from ..node import Node, source_of
from ..quantizer import NO_ZERO_POINT, codes_of_range, emit_codes, power_of_two
from ..registry import importer

DEEPLOY_DOMAINS = (STANDARD_DOMAIN, "PACTOps")
ACCUMULATOR = FixedType(32)  # Deeploy's accumulators; a float32 value in front of a RequantShift stands for one
LARGEST_SHIFT = 62
ONE = np.ones((), np.float32)


@importer("RequantShift", domains=DEEPLOY_DOMAINS)
def import_requant_shift(node: Node) -> SSAValue:
    x = node.operand(0)
    shift, range_ = _shift(node), _levels(node)
    if not is_integer_type(element_type(x)):
        x = node.emit(QuantizeOp(x, ACCUMULATOR))
    multiplier, addend = _whole_numbers(node, 1, "the multiplier"), _whole_numbers(node, 2, "the addend")
    addend = addend + (1 << shift >> 1)
    shift, multiplier, addend = _reduced(shift, multiplier, addend)
    x = node.emit(MulOp(x, _scaled(node, multiplier, shift, node.input_name(1))))
    if addend.any():
        x = node.emit(AddOp(x, _scaled(node, addend, shift, node.input_name(2))))
    result = emit_codes(node, x, ONE, NO_ZERO_POINT, codes_of_range(range_), Rounding.FLOOR)
    type_ = node.integer_type(0)
    if type_ is not None:
        node.builder.integers[result] = type_
    return result


def _shift(node: Node) -> int:
    divisor = _attribute(node, "div")
    shift = power_of_two(divisor)
    if shift is None or not 0 <= shift <= LARGEST_SHIFT:
        raise node.error(f"the divisor {divisor:g} is no power of two", f"use 1 to 2^{LARGEST_SHIFT}")
    return shift


def _levels(node: Node) -> IntRange:
    levels = _attribute(node, "n_levels_out" if node.has("n_levels_out") else "n_levels")
    if not levels.is_integer() or not 2 <= levels <= 1 << 32:
        raise node.error(f"the number of levels is {levels:g}", "give a whole number from 2 to 2^32")
    low = -(int(levels) // 2) if _attribute(node, "signed") else 0
    return IntRange(low, low + int(levels) - 1)


def _attribute(node: Node, name: str) -> float:
    """An attribute that holds one number: plainly, in a list, or in a tensor."""
    given = node.definition.attributes.get(name)
    if isinstance(given, int | float | list | np.ndarray):
        numbers = np.reshape(given, -1)
        if len(numbers) == 1 and numbers.dtype.kind in "iuf":
            return float(numbers[0])
    raise node.error(f"attribute '{name}' is not one number", f"export the model again with '{name}'")


def _whole_numbers(node: Node, index: int, what: str) -> Array:
    array = node.constant(index, what)
    if array.dtype.kind not in "iu" and whole_number_type(array) is None:
        raise node.error(f"{what} holds other numbers than integers", "export the integer network again")
    return array.astype(np.int64)


def _reduced(shift: int, multiplier: Array, addend: Array) -> tuple[int, Array, Array]:
    """The same function with the smallest shift."""
    bits = int(np.bitwise_or.reduce(multiplier, None)) | int(np.bitwise_or.reduce(addend, None))
    common = min(shift, (bits & -bits).bit_length() - 1) if bits else shift
    return shift - common, multiplier >> common, addend >> common


def _scaled(node: Node, numbers: Array, shift: int, name: str) -> SSAValue:
    """A constant of `numbers / 2**shift`."""
    return node.add_constant(numbers, fixed_type(IntRange(int(numbers.min()), int(numbers.max())), shift), name)


def requantized(node: Node, value: SSAValue, low: float, high: float) -> SSAValue | None:
    """A Clip of rounded numbers as one quantiser with the rounding in front; None where there is no rounding.

    `low` and `high` may be infinite.
    """
    source = source_of(value)
    match source.owner:
        case QuantizeOp(overflow=Overflow.SATURATE, input=x, rounding=rounding, narrow=narrow):
            type_ = element_type(source)
            if not isinstance(type_, FixedType | UFixedType) or type_.format.fraction_bits:
                return None
            held = narrow_range(type_) if narrow else type_.format.code_range
            low, high = max(low, held.lo), min(high, held.hi)
        case FloorOp(input=x):
            rounding = Rounding.FLOOR
        case CeilOp(input=x):
            rounding = Rounding.CEIL
        case RoundOp(input=x):
            rounding = Rounding.HALF_EVEN
        case _:
            return None
    if not (float(low).is_integer() and float(high).is_integer() and low <= high):
        return None
    return emit_codes(node, x, ONE, NO_ZERO_POINT, codes_of_range(IntRange(int(low), int(high))), rounding)
