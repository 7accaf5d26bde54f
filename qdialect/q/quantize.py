# SPDX-License-Identifier: Apache-2.0
"""Where numbers lose information: `q.quantize`; and its integer form after lowering, `q.threshold`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import Float32Type, UnitAttr
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from ..attrs import OverflowAttr, RoundingAttr
from ..formats import IntRange, Overflow, Rounding
from ..types import (
    BipolarType,
    FixedType,
    FloatType,
    QTensor,
    RealType,
    SharedType,
    UFixedType,
    element_type,
    integer_format,
    is_f32,
    is_integer_type,
    shape_of,
)
from .base import AnyTensor, IntegerTensor, QOp, tensor
from .channelwise import ChannelwiseOp, base_and_axis
from .inference import constant_of, threshold_range


@irdl_op_definition
class QuantizeOp(QOp):
    """Bring every element into the result's element type. The only op that loses information.

    The value is divided by the quantum 2^-F, rounded as named, and saturated or wrapped as named; `narrow` leaves out
    the lowest code of a signed type and the highest of an unsigned one. To `!q.bipolar`: +1 if x >= 0, else -1. To
    f32: nearest float32 of an exact value. From f32 the steps are float32 arithmetic, as QONNX does them.
    ```mlir
    %y = q.quantize %x half_even saturate narrow : tensor<1x784xf32> -> tensor<1x784x!q.fixed<2, 0>>
    ```
    """

    name = "q.quantize"
    input = operand_def(AnyTensor)
    rounding_attr = prop_def(RoundingAttr, prop_name="rounding")
    overflow_attr = prop_def(OverflowAttr, prop_name="overflow")
    narrow_attr = opt_prop_def(UnitAttr, prop_name="narrow")
    result = result_def(AnyTensor)
    traits = traits_def(Pure())
    assembly_format = "$input $rounding $overflow (`narrow` $narrow^)? attr-dict `:` type($input) `->` type($result)"

    def __init__(
        self,
        input: SSAValue,
        element_type: Attribute,
        rounding: Rounding = Rounding.HALF_EVEN,
        overflow: Overflow = Overflow.SATURATE,
        narrow: bool = False,
    ):
        super().__init__(
            operands=[input],
            result_types=[tensor(element_type, shape_of(input))],
            properties={
                "rounding": RoundingAttr(rounding),
                "overflow": OverflowAttr(overflow),
                "narrow": UnitAttr() if narrow else None,
            },
        )

    @property
    def rounding(self) -> Rounding:
        return self.rounding_attr.data

    @property
    def overflow(self) -> Overflow:
        return self.overflow_attr.data

    @property
    def narrow(self) -> bool:
        return self.narrow_attr is not None

    def infer_types(self) -> Sequence[QTensor]:
        """The target type is the user's choice: it stands in the result type alone."""
        return [tensor(element_type(self.result), shape_of(self.input))]

    def verify_(self) -> None:
        if shape_of(self.input) != shape_of(self.result):
            raise self.fault(f"keeps shape {list(shape_of(self.input))}, not {list(shape_of(self.result))}")
        target = element_type(self.result)
        if isinstance(target, RealType):
            raise self.fault("cannot target !q.real, which needs no rounding; mend: use the value as it is")
        if isinstance(target, Float32Type) and is_f32(element_type(self.input)):
            raise self.fault("from f32 to f32 does nothing; mend: remove it")
        if isinstance(target, SharedType):
            raise self.fault(f"cannot target {target}; mend: quantise to {target.value_type}, then run q-share-weights")
        if self.narrow and not isinstance(target, FixedType | UFixedType):
            raise self.fault(f"cannot be narrow for {target}")
        if not _overflow_fits(self.overflow, target, self.narrow):
            raise self.fault(f"to {target} cannot '{self.overflow.value}'; mend: write 'saturate'")


def _overflow_fits(overflow: Overflow, target: Attribute, narrow: bool) -> bool:
    """Whether the overflow mode has a meaning for the type: floats do not wrap, integers have no infinity."""
    match overflow:
        case Overflow.SATURATE:
            return True
        case Overflow.WRAP:
            return isinstance(target, FixedType | UFixedType) and not narrow
        case Overflow.INFINITY:
            return isinstance(target, FloatType) and target.format.specials != "none"


@irdl_op_definition
class ThresholdOp(ChannelwiseOp):
    """Multi-threshold activation: counts the thresholds that an element reaches.

    `code = base + #{k : x >= T[c][k]}`, or `base + B - #{...}` in channels c that `descending` flags with 1 (a
    falling function). c is the index along `axis` of `input`, by default the last; one row of thresholds serves all
    channels. A `!q.bipolar` result has one threshold, and gives -1 or +1. Integers meet integer thresholds, f32 and
    real numbers such of their own type. Exact; replaces scale, bias, activation and quantiser (FINN, 2017).
    ```mlir
    %y = q.threshold %a, %t base -1 : tensor<1x64x!q.fixed<11, 0>>, tensor<64x2x!q.fixed<11, 0>>
        -> tensor<1x64x!q.fixed<2, 0>>
    ```
    """

    name = "q.threshold"
    input = operand_def(AnyTensor)
    thresholds = operand_def(AnyTensor)
    descending = opt_operand_def(IntegerTensor)
    result = result_def(IntegerTensor)
    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    traits = traits_def(Pure())
    assembly_format = (
        "$input `,` $thresholds (`descending` $descending^ `:` type($descending))? `base` $base "
        "(`axis` $axis^)? attr-dict "
        "`:` type($input) `,` type($thresholds) `->` type($result)"
    )

    def __init__(
        self,
        input: SSAValue,
        thresholds: SSAValue,
        element_type: Attribute,
        base: int,
        descending: SSAValue | None = None,
        axis: int | None = None,
    ):
        super().__init__(
            operands=[input, thresholds, descending],
            result_types=[tensor(element_type, shape_of(input))],
            properties=base_and_axis(input, base, axis),
        )

    @property
    def code_range(self) -> IntRange:
        """Codes that the result can take."""
        return threshold_range(self)

    def infer_types(self) -> Sequence[QTensor]:
        """Which type holds the codes is the user's choice."""
        return [tensor(element_type(self.result), shape_of(self.input))]

    def verify_(self) -> None:
        types = [element_type(value) for value in (self.input, self.thresholds)]
        if not all(is_integer_type(type_) for type_ in types) and (
            types[0] != types[1] or isinstance(types[0], FloatType)
        ):
            raise self.fault(
                f"compares integers, f32 or real numbers with such thresholds, not {' with '.join(map(str, types))}"
            )
        if shape_of(self.input) != shape_of(self.result):
            raise self.fault(f"keeps shape {list(shape_of(self.input))}, not {list(shape_of(self.result))}")
        self.verify_axis()
        verify_thresholds(self, self.thresholds, self.descending, self.channels)
        verify_threshold_codes(self, element_type(self.result), self.base, shape_of(self.thresholds)[1])


def verify_thresholds(op: QOp, thresholds: SSAValue, descending: SSAValue | None, channels: tuple[int, ...]) -> None:
    """Thresholds are a constant [C or 1, B] in rising order; `descending` a constant [C or 1] of 0 and 1."""
    shape = shape_of(thresholds)
    if len(shape) != 2 or (shape[0] != 1 and shape[:1] != channels):
        raise op.fault(f"needs thresholds of shape [1 or {channels[0] if channels else 1}, B], got {list(shape)}")
    constant = constant_of(thresholds)
    if constant is None:
        raise op.fault("needs constant thresholds; mend: give it the result of a q.constant")
    falls = np.argwhere(constant.array[:, 1:] < constant.array[:, :-1])
    if falls.size:
        row, column = (int(i) for i in falls[0])
        before, after = constant.array[row, column], constant.array[row, column + 1]
        raise op.fault(f"needs thresholds in rising order, row {row} has {before} before {after}; mend: sort each row")
    if descending is not None:
        flags = constant_of(descending)
        if flags is None or flags.array.shape != shape[:1] or not np.isin(flags.array, (0, 1)).all():
            raise op.fault(f"needs descending as a constant of {shape[0]} flags, each 0 or 1")


def verify_threshold_codes(op: QOp, result: Attribute, base: int, count: int) -> None:
    """The result type holds the codes `base` to `base + count`; bipolar: one threshold, base -1."""
    if isinstance(result, BipolarType):
        if count != 1 or base != -1:
            raise op.fault(f"to !q.bipolar has one threshold and base -1, got {count} and base {base}")
        return
    codes, held = IntRange(base, base + count), integer_format(result).code_range
    if codes not in held or isinstance(result, SharedType):
        raise op.fault(f"gives codes {codes.lo} to {codes.hi}, but {result} holds {held.lo} to {held.hi}")
