# SPDX-License-Identifier: Apache-2.0
"""`q.clip` of integer codes: behind a quantiser it is what a requantiser clips to."""

from __future__ import annotations

import numpy as np
from xdsl.ir import Operation, SSAValue

from ..qdialect.attrs import RangeAttr
from ..qdialect.formats import IntRange
from ..qdialect.q import ClipOp
from ..qdialect.q.inference import constant_of
from ..qdialect.types import FixedType, UFixedType, element_type, fixed_type, integer_format, tensor_type
from .rewriting import constant


def clip_ops(value: SSAValue, clip: IntRange) -> list[Operation]:
    """Ops that clip codes, without a change of type; the last gives the result."""
    bits = integer_format(element_type(value)).fraction_bits
    ends = [constant(np.array(code), fixed_type(IntRange(code, code), bits)) for code in (clip.lo, clip.hi)]
    for end, hint in zip(ends, ("minimum", "maximum"), strict=True):
        end.result.name_hint = hint
    op = ClipOp(value, ends[0].result, ends[1].result, tensor_type(value))
    op.range = RangeAttr(clip.lo, clip.hi)  # what follows may count on it, as on that of a narrow quantiser
    return [*ends, op]


def clip_bounds(op: ClipOp) -> IntRange | None:
    """The codes that an integer clip keeps; None if its bounds are no codes, or differ between elements."""
    low, high = constant_of(op.minimum), constant_of(op.maximum)
    if low is None or high is None or low.array.size != 1 or high.array.size != 1:
        return None
    types = [element_type(value) for value in (*op.operands, op.result)]
    if not all(isinstance(type_, FixedType | UFixedType) for type_ in types):
        return None
    if len({integer_format(type_).fraction_bits for type_ in types}) > 1:
        return None
    lo, hi = int(low.array.item()), int(high.array.item())
    return IntRange(lo, hi) if lo <= hi else None
