# SPDX-License-Identifier: Apache-2.0
"""Evaluation of nodes that depend on constants alone: computed shapes, folded scales."""

from __future__ import annotations

from math import prod

import numpy as np

from .loader import evaluate
from .model import STANDARD_DOMAIN, Array, NodeDefinition
from .node import GraphBuilder, Node

LARGEST_COUNT = 1 << 10
LARGEST_RESULT = 1 << 28  # elements; a larger one is a damaged model, not a constant

# Deterministic ops of tensors. Quantisers are not among them: those of weights stay in the IR.
FOLDABLE = frozenset(
    """
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor
    Cast CastLike Ceil Clip Compress Concat ConstantOfShape Cos Cosh CumSum Div Equal Erf Exp Expand EyeLike Flatten
    Floor Gather GatherElements GatherND Greater GreaterOrEqual Identity IsInf IsNaN Less LessOrEqual Log MatMul Max
    Mean Min Mod Mul Neg NonZero Not OneHot Or Pad Pow Range Reciprocal ReduceMax ReduceMean ReduceMin
    ReduceProd ReduceSum Relu Reshape ReverseSequence Round ScatterElements ScatterND Sigmoid Sign Sin Sinh Slice Split
    Sqrt Squeeze Sub Sum Tan Tanh Tile TopK Transpose Trilu Unique Unsqueeze Where Xor
    """.split()
)
# ops whose result is as large as the numbers in an input say: {op type: inputs}
SIZED_BY = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1, "Range": 1, "OneHot": 1}


def fold(node: NodeDefinition, builder: GraphBuilder) -> list[Array] | None:
    """The node's results if all its inputs are constants and it can be evaluated, else None."""
    if node.domain != STANDARD_DOMAIN or node.op_type not in FOLDABLE:
        return None
    inputs = [builder.value(name) if name else None for name in node.inputs]
    arrays = [value for value in inputs if value is None or isinstance(value, np.ndarray)]
    if len(arrays) != len(inputs) or (node.op_type == "Pad" and not _pads_a_shape(arrays)):
        return None
    if _result_size(node, arrays) > LARGEST_RESULT:
        raise Node(node, builder).error("the result is too large for a constant", "export the model again")
    for name in ("axis", "batch_dims", "num_outputs"):  # onnx's reference makes lists of such lengths
        value = node.attributes.get(name, 0)
        if not isinstance(value, int) or abs(value) > LARGEST_COUNT:
            raise Node(node, builder).error(f"attribute '{name}' is {value}", "export the model again")
    try:
        return evaluate(node, builder.model.opsets, arrays)
    except ValueError as fault:
        mend = "export the model again, or simplify it first (onnxsim)"
        raise Node(node, builder).error(f"the constant cannot be computed: {fault}", mend) from None


def _pads_a_shape(arrays: list[Array | None]) -> bool:
    """A few integers in rows, as TensorFlow's SpaceToBatch pads its pads; other constants are padded in the IR."""
    if len(arrays) < 2:  # before opset 11
        return False
    given = [array for array in arrays if array is not None]
    small = all(array.dtype.kind in "iu" and array.ndim <= 2 and array.size <= LARGEST_COUNT for array in given)
    return small and arrays[1] is not None and bool(np.all((arrays[1] >= 0) & (arrays[1] <= LARGEST_COUNT)))


def _result_size(node: NodeDefinition, arrays: list[Array | None]) -> float:
    """A bound of the number of elements of the result, from the shapes and sizes that the inputs hold."""
    given = [array for array in arrays if array is not None]
    largest = float(max((array.size for array in given), default=1))
    sized_by = SIZED_BY.get(node.op_type)
    if sized_by is not None:
        sizes = arrays[sized_by] if sized_by < len(arrays) else None
        if sizes is None or sizes.dtype.kind not in "iuf":
            return largest
        return largest * prod(max(1.0, abs(float(size))) for size in sizes.reshape(-1)[:64])
    shapes = [array.shape for array in given]
    try:
        return max(largest, float(prod(np.broadcast_shapes(*shapes))))
    except ValueError:  # not elementwise
        return (
            float(prod(array.shape[0] if array.ndim else 1 for array in given)) if node.op_type == "MatMul" else largest
        )
