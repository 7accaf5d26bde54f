# SPDX-License-Identifier: Apache-2.0
"""`q.batch_norm`."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import FloatAttr, IntegerAttr, f32, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import BaseAttr, irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from ..types import QTensor, RealType, element_type, is_f32, shape_of
from .base import AnyTensor, QOp, tensor


@irdl_op_definition
class BatchNormOp(QOp):
    """Inference-time batch normalisation: `(x - mean) / sqrt(variance + epsilon) * scale + bias` per channel.

    In f32 as `x * A + B` with `A = (1 / sqrt(variance + epsilon)) * scale`, `B = bias - mean * A`, each step in
    float32. In real exactly, with A correct to 80 significant bits (`affine.batch_norm_affine`). `axis`: channels.
    ```mlir
    %y = q.batch_norm %x, %scale, %bias, %mean, %variance axis 1 epsilon 1.000000e-05
        : tensor<1x64xf32>, tensor<64xf32>, tensor<64xf32>, tensor<64xf32>, tensor<64xf32> -> tensor<1x64xf32>
    ```
    """

    name = "q.batch_norm"
    input = operand_def(AnyTensor)
    scale = operand_def(AnyTensor)
    bias = operand_def(AnyTensor)
    mean = operand_def(AnyTensor)
    variance = operand_def(AnyTensor)
    axis_attr = prop_def(IntegerAttr.constr(i64), prop_name="axis")
    epsilon_attr = prop_def(BaseAttr(FloatAttr), prop_name="epsilon")
    result = result_def(AnyTensor)
    traits = traits_def(Pure())
    assembly_format = (
        "$input `,` $scale `,` $bias `,` $mean `,` $variance `axis` $axis `epsilon` $epsilon attr-dict `:` "
        "type($input) `,` type($scale) `,` type($bias) `,` type($mean) `,` type($variance) `->` type($result)"
    )

    def __init__(
        self,
        input: SSAValue,
        scale: SSAValue,
        bias: SSAValue,
        mean: SSAValue,
        variance: SSAValue,
        epsilon: float,
        axis: int = 1,
    ):
        super().__init__(
            operands=[input, scale, bias, mean, variance],
            result_types=[tensor(_batch_norm_type(input), shape_of(input))],
            properties={"axis": IntegerAttr(axis, i64), "epsilon": FloatAttr(epsilon, f32)},
        )

    @property
    def axis(self) -> int:
        return self.axis_attr.value.data

    @property
    def epsilon(self) -> float:
        return self.epsilon_attr.value.data

    def verify_(self) -> None:
        shape = shape_of(self.input)
        if not 0 <= self.axis < len(shape):
            raise self.fault(f"has axis {self.axis}, but its input has {len(shape)} axes")
        for name in ("scale", "bias", "mean", "variance"):
            parameter = shape_of(self.operands[("scale", "bias", "mean", "variance").index(name) + 1])
            if parameter != (shape[self.axis],):
                raise self.fault(f"needs {name} of shape [{shape[self.axis]}], got {list(parameter)}")
        self.verify_inferred_types()

    def infer_types(self) -> Sequence[QTensor]:
        return [tensor(_batch_norm_type(self.input), shape_of(self.input))]


def _batch_norm_type(input: SSAValue) -> Attribute:
    return element_type(input) if is_f32(element_type(input)) else RealType()
