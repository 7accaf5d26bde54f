# SPDX-License-Identifier: Apache-2.0
"""Functions of the graph level that compute in float32 and have no exact meaning: softmax, sigmoid, exp, log, ..."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import SSAValue
from xdsl.irdl import VarConstraint, irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from ..types import QTensor, shape_of, tensor_type
from .base import FloatTensor, QOp, broadcast_shape, tensor


class FloatFunctionOp(QOp, ABC):
    """A float32 function of a float32 tensor, elementwise unless it has an axis."""

    FLOAT_ONLY: ClassVar[bool] = True
    T: ClassVar = VarConstraint("T", FloatTensor)
    input = operand_def(T)
    result = result_def(T)
    traits = traits_def(Pure())
    assembly_format = "$input attr-dict `:` type($result)"

    def __init__(self, input: SSAValue):
        super().__init__(operands=[input], result_types=[input.type])

    def infer_types(self) -> Sequence[QTensor]:
        return [tensor_type(self.input)]


@irdl_op_definition
class SigmoidOp(FloatFunctionOp):
    """`1 / (1 + exp(-x))` in float32.

    ```mlir
    %y = q.sigmoid %x : tensor<1x10xf32>
    ```
    """

    name = "q.sigmoid"


@irdl_op_definition
class TanhOp(FloatFunctionOp):
    """Hyperbolic tangent in float32.

    ```mlir
    %y = q.tanh %x : tensor<1x10xf32>
    ```
    """

    name = "q.tanh"


@irdl_op_definition
class SoftmaxOp(FloatFunctionOp):
    """`exp(x) / sum(exp(x))` along `axis`, in float32.

    ```mlir
    %y = q.softmax %x axis 1 : tensor<1x10xf32>
    ```
    """

    name = "q.softmax"
    axis_attr = prop_def(IntegerAttr.constr(i64), prop_name="axis")
    assembly_format = "$input `axis` $axis attr-dict `:` type($result)"

    def __init__(self, input: SSAValue, axis: int):
        axis_attr = IntegerAttr(axis % len(shape_of(input)), i64)
        QOp.__init__(self, operands=[input], result_types=[input.type], properties={"axis": axis_attr})

    @property
    def axis(self) -> int:
        return self.axis_attr.value.data

    def verify_(self) -> None:
        if not 0 <= self.axis < len(shape_of(self.input)):
            raise self.fault(f"has axis {self.axis}, but its input has {len(shape_of(self.input))} axes")


@irdl_op_definition
class PowOp(QOp):
    """`base ** exponent` in float32, elementwise with numpy's broadcasting; NaN where no real number is the power.

    ```mlir
    %y = q.pow %x, %e : tensor<1x10xf32>, tensor<f32> -> tensor<1x10xf32>
    ```
    """

    name = "q.pow"
    FLOAT_ONLY: ClassVar[bool] = True
    base = operand_def(FloatTensor)
    exponent = operand_def(FloatTensor)
    result = result_def(FloatTensor)
    traits = traits_def(Pure())
    assembly_format = "$base `,` $exponent attr-dict `:` type($base) `,` type($exponent) `->` type($result)"

    def __init__(self, base: SSAValue, exponent: SSAValue):
        super().__init__(operands=[base, exponent], result_types=[base.type])
        self.take_inferred_types()

    def infer_types(self) -> Sequence[QTensor]:
        return [tensor(tensor_type(self.base).element_type, broadcast_shape(self.name, self.base, self.exponent))]

    def verify_(self) -> None:
        self.verify_inferred_types()


@irdl_op_definition
class ExpOp(FloatFunctionOp):
    """`e ** x`, in float32.

    ```mlir
    %y = q.exp %x : tensor<1x10xf32>
    ```
    """

    name = "q.exp"


@irdl_op_definition
class LogOp(FloatFunctionOp):
    """Natural logarithm; NaN below zero, -infinity at zero, in float32.

    ```mlir
    %y = q.log %x : tensor<1x10xf32>
    ```
    """

    name = "q.log"


@irdl_op_definition
class SqrtOp(FloatFunctionOp):
    """Square root; NaN below zero, in float32.

    ```mlir
    %y = q.sqrt %x : tensor<1x10xf32>
    ```
    """

    name = "q.sqrt"


@irdl_op_definition
class ErfOp(FloatFunctionOp):
    """Error function, `2 / sqrt(pi) * integral of exp(-t * t) from 0 to x`, in float32.

    ```mlir
    %y = q.erf %x : tensor<1x10xf32>
    ```
    """

    name = "q.erf"


@irdl_op_definition
class SoftplusOp(FloatFunctionOp):
    """`log(1 + exp(x))`, in float32.

    ```mlir
    %y = q.softplus %x : tensor<1x10xf32>
    ```
    """

    name = "q.softplus"


@irdl_op_definition
class FloorOp(FloatFunctionOp):
    """The largest whole number that is not above x, in float32.

    ```mlir
    %y = q.floor %x : tensor<1x10xf32>
    ```
    """

    name = "q.floor"


@irdl_op_definition
class CeilOp(FloatFunctionOp):
    """The smallest whole number that is not below x, in float32.

    ```mlir
    %y = q.ceil %x : tensor<1x10xf32>
    ```
    """

    name = "q.ceil"


@irdl_op_definition
class RoundOp(FloatFunctionOp):
    """The nearest whole number, ties to even, in float32.

    ```mlir
    %y = q.round %x : tensor<1x10xf32>
    ```
    """

    name = "q.round"


@irdl_op_definition
class SinOp(FloatFunctionOp):
    """Sine of radians, in float32.

    ```mlir
    %y = q.sin %x : tensor<1x10xf32>
    ```
    """

    name = "q.sin"


@irdl_op_definition
class CosOp(FloatFunctionOp):
    """Cosine of radians, in float32.

    ```mlir
    %y = q.cos %x : tensor<1x10xf32>
    ```
    """

    name = "q.cos"


@irdl_op_definition
class TanOp(FloatFunctionOp):
    """Tangent of radians, in float32.

    ```mlir
    %y = q.tan %x : tensor<1x10xf32>
    ```
    """

    name = "q.tan"


@irdl_op_definition
class AsinOp(FloatFunctionOp):
    """Arc sine, in float32.

    ```mlir
    %y = q.asin %x : tensor<1x10xf32>
    ```
    """

    name = "q.asin"


@irdl_op_definition
class AcosOp(FloatFunctionOp):
    """Arc cosine, in float32.

    ```mlir
    %y = q.acos %x : tensor<1x10xf32>
    ```
    """

    name = "q.acos"


@irdl_op_definition
class AtanOp(FloatFunctionOp):
    """Arc tangent, in float32.

    ```mlir
    %y = q.atan %x : tensor<1x10xf32>
    ```
    """

    name = "q.atan"


@irdl_op_definition
class SinhOp(FloatFunctionOp):
    """Hyperbolic sine, in float32.

    ```mlir
    %y = q.sinh %x : tensor<1x10xf32>
    ```
    """

    name = "q.sinh"


@irdl_op_definition
class CoshOp(FloatFunctionOp):
    """Hyperbolic cosine, in float32.

    ```mlir
    %y = q.cosh %x : tensor<1x10xf32>
    ```
    """

    name = "q.cosh"


@irdl_op_definition
class AsinhOp(FloatFunctionOp):
    """Inverse hyperbolic sine, in float32.

    ```mlir
    %y = q.asinh %x : tensor<1x10xf32>
    ```
    """

    name = "q.asinh"


@irdl_op_definition
class AcoshOp(FloatFunctionOp):
    """Inverse hyperbolic cosine, in float32.

    ```mlir
    %y = q.acosh %x : tensor<1x10xf32>
    ```
    """

    name = "q.acosh"


@irdl_op_definition
class AtanhOp(FloatFunctionOp):
    """Inverse hyperbolic tangent, in float32.

    ```mlir
    %y = q.atanh %x : tensor<1x10xf32>
    ```
    """

    name = "q.atanh"
