# SPDX-License-Identifier: Apache-2.0
"""What elementwise ops with parameters per channel share: a first code, and the axis of the channels."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import operand_def, opt_prop_def, prop_def

from ..types import shape_of
from .base import AnyTensor, QOp


class ChannelwiseOp(QOp, ABC):
    """An op on each element of `input`, with a row of constants for each channel, its index along `axis`."""

    input = operand_def(AnyTensor)
    base_attr = prop_def(IntegerAttr.constr(i64), prop_name="base")
    axis_attr = opt_prop_def(IntegerAttr.constr(i64), prop_name="axis")

    @property
    def base(self) -> int:
        """The code that the first entry stands for, or that counting begins with (a bipolar result: -1)."""
        return self.base_attr.value.data

    @property
    def axis(self) -> int:
        """The axis of the channels."""
        return len(shape_of(self.input)) - 1 if self.axis_attr is None else self.axis_attr.value.data

    @property
    def trailing(self) -> int:
        """How many axes there are behind that of the channels."""
        return max(len(shape_of(self.input)) - 1 - self.axis, 0)

    @property
    def channels(self) -> tuple[int, ...]:
        """[C], or [] of a scalar."""
        return shape_of(self.input)[self.axis : self.axis + 1]

    def verify_axis(self) -> None:
        """VerifyException if the input has no such axis."""
        rank = len(shape_of(self.input))
        if self.axis_attr is not None and not 0 <= self.axis < rank:
            raise self.fault(f"has axis {self.axis}, but its input has {rank} axes; mend: count axes from 0")


def base_and_axis(input: SSAValue, base: int, axis: int | None) -> Mapping[str, Attribute | None]:
    """The properties of a ChannelwiseOp; the last axis, which is the default, goes without saying."""
    named = axis is not None and axis != len(shape_of(input)) - 1
    return {"base": IntegerAttr(base, i64), "axis": IntegerAttr(axis or 0, i64) if named else None}
