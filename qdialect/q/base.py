# SPDX-License-Identifier: Apache-2.0
"""What the ops of the q dialect share: operand constraints, shape rules."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import Float32Type, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import BaseAttr, IRDLOperation
from xdsl.utils.exceptions import VerifyException

from ..types import BipolarType, FixedType, FloatType, RealType, UFixedType, shape_of

IntegerElement = BaseAttr(FixedType) | BaseAttr(UFixedType) | BaseAttr(BipolarType)
AnyElement = IntegerElement | BaseAttr(FloatType) | BaseAttr(RealType) | BaseAttr(Float32Type)
AnyTensor = TensorType.constr(AnyElement)
FloatTensor = TensorType.constr(BaseAttr(Float32Type))
IntegerTensor = TensorType.constr(IntegerElement)


class QOp(IRDLOperation, ABC):
    """An op of the q dialect."""

    def fault(self, text: str) -> VerifyException:
        """A verifier's exception that names the op."""
        return VerifyException(f"{self.name} {text}")


def broadcast_shape(name: str, *values: SSAValue | Attribute) -> tuple[int, ...]:
    """numpy's broadcast of the operands' shapes; VerifyException if they do not fit."""
    shapes = [shape_of(value) for value in values]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        listed = " and ".join(str(list(shape)) for shape in shapes)
        raise VerifyException(f"{name} cannot broadcast shapes {listed}; mend: reshape one of them") from None


def tensor(element_type: Attribute, shape: Sequence[int]) -> TensorType[Attribute]:
    return TensorType(element_type, shape)
