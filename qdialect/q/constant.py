# SPDX-License-Identifier: Apache-2.0
"""`q.constant`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.interfaces import HasFolderInterface
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import AnyAttr, ParamAttrConstraint, VarConstraint, irdl_op_definition, prop_def, result_def, traits_def
from xdsl.traits import ConstantLike, Pure

from ..attrs import DenseAttr
from .base import AnyTensor, QOp


@irdl_op_definition
class ConstantOp(QOp, HasFolderInterface):
    """A constant tensor: weights, scales, thresholds.

    ```mlir
    %w = q.constant #q.dense<[[1, -1], [0, 1]] : tensor<2x2x!q.fixed<2, 0>>>
    ```
    """

    name = "q.constant"
    T: ClassVar = VarConstraint("T", AnyTensor)
    value = prop_def(ParamAttrConstraint(DenseAttr, (AnyAttr(), T)))
    result = result_def(T)
    traits = traits_def(Pure(), ConstantLike())
    assembly_format = "qualified($value) attr-dict"

    def __init__(self, value: DenseAttr):
        super().__init__(properties={"value": value}, result_types=[value.type])

    def fold(self) -> Sequence[SSAValue | Attribute]:
        return (self.value,)
