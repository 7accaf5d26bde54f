# SPDX-License-Identifier: Apache-2.0
"""The q dialect: what a network computes, with the format of every number in its type."""

from xdsl.dialect_interfaces.constant_materialization import ConstantMaterializationInterface
from xdsl.ir import Attribute, Dialect, Operation

from ..attrs import BufferAttr, DenseAttr, OverflowAttr, RangeAttr, RoundingAttr
from ..types import BipolarType, FixedType, FloatType, RealType, UFixedType
from .activation import BatchNormOp, SigmoidOp, SoftmaxOp, TanhOp
from .base import ArithmeticOp, MoveOp, QOp
from .constant import ConstantOp
from .elementwise import AddOp, BinaryOp, ClipOp, DivOp, MulOp, ReluOp, SubOp
from .linear import MatMulOp
from .quantize import QuantizeOp, ThresholdOp
from .select import ArgMaxOp, TopKOp
from .shape import ReshapeOp, TransposeOp


class _MaterializeConstants(ConstantMaterializationInterface):
    def materialize_constant(self, value: Attribute, type: Attribute) -> Operation | None:
        return ConstantOp(value) if isinstance(value, DenseAttr) and value.type == type else None


Q = Dialect(
    "q",
    [
        ConstantOp,
        AddOp,
        SubOp,
        MulOp,
        DivOp,
        ReluOp,
        ClipOp,
        BatchNormOp,
        MatMulOp,
        ReshapeOp,
        TransposeOp,
        SoftmaxOp,
        SigmoidOp,
        TanhOp,
        ArgMaxOp,
        TopKOp,
        QuantizeOp,
        ThresholdOp,
    ],
    [
        FixedType,
        UFixedType,
        BipolarType,
        FloatType,
        RealType,
        DenseAttr,
        BufferAttr,
        RangeAttr,
        RoundingAttr,
        OverflowAttr,
    ],
    [_MaterializeConstants()],
)

__all__ = [
    "AddOp",
    "ArgMaxOp",
    "ArithmeticOp",
    "BatchNormOp",
    "BinaryOp",
    "ClipOp",
    "ConstantOp",
    "DivOp",
    "MatMulOp",
    "MoveOp",
    "MulOp",
    "Q",
    "QOp",
    "QuantizeOp",
    "ReluOp",
    "ReshapeOp",
    "SigmoidOp",
    "SoftmaxOp",
    "SubOp",
    "TanhOp",
    "ThresholdOp",
    "TopKOp",
    "TransposeOp",
]
