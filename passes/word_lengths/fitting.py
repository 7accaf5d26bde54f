# SPDX-License-Identifier: Apache-2.0
"""The scale of a quantiser, fitted to each word length.

A quantiser of W bits and F fraction bits with k bits fewer is one of W - k and F - k: it covers the same range more
coarsely. With few bits, saturating rare large numbers costs less than coarseness: the step that brings the numbers
nearest is at most 2^MAX_CLIPPED_BITS smaller. Where a constant scale belongs to the quantiser alone, as in
`quantize(x / scale) * scale`, it takes that step, each channel its own; elsewhere the fraction bits rise by whole bits.

A scale only grows, and fraction bits only fall, so that biases, which count quanta of the products of the scales, fit
their format as before and stay no coarser than the products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from ...qdialect.attrs import Array
from ...qdialect.q import AddOp, ConcatOp, ConstantOp, Convolution, ConvTransposeOp, DivOp, MatMulOp, MulOp, QuantizeOp
from ...qdialect.rounding import saturation_range
from ...qdialect.types import FixedType, UFixedType, element_type, integer_format, is_f32, shape_of
from ..calibration.choosing import alike_scale
from ..calibration.folding import constant_array

PRODUCTS = (MatMulOp, Convolution, ConvTransposeOp)
MAX_CLIPPED_BITS = 3
STEPS = 8  # that are tried for each bit of clipping


@dataclass(frozen=True)
class Fit:
    """How a quantiser changes for a word length.

    Args:
        shift: by how many bits its fraction bits rise again.
        scale: what its scale becomes, float32; None: it stays, or there is none.
        weights: what the constant of the weights becomes, see `reconstructing`; None: it stays.
        bias: what the constant of the layer's bias becomes; None: it stays.
    """

    shift: int = 0
    scale: Array | None = None
    weights: Array | None = None
    bias: Array | None = None


def candidate_fits(op: QuantizeOp, numbers: Array, fewer: int) -> list[Fit]:
    """What may be best with `fewer` bits: the whole range, that of least squared error, and half way between.

    Which one is, is to be measured: saturating does harm where errors add up.

    Args:
        numbers: what the quantiser gets, or [n], some of them.
    """
    owner = own_scale(op)
    scale = None if owner is None else constant_array(owner)
    if scale is not None and scale.size > 1 and numbers.ndim != len(shape_of(op.result)):
        scale = None  # which channel each number is of is not known
    clipped = min(MAX_CLIPPED_BITS, fewer)
    best = _least_error(op, _rows(numbers, scale), fewer, 1 if scale is None else STEPS)
    if scale is None:
        return [Fit(bits) for bits in range(round(float(best[0])) + 1)]
    shares = [2.0 ** (-best.reshape(scale.shape) * part) for part in ((0.0, 0.5, 1.0) if best.any() else (0.0,))]
    return [Fit(clipped, alike_scale(np.ldexp(scale * share, clipped), scale)) for share in shares]


def _least_error(op: QuantizeOp, rows: Array, fewer: int, steps: int) -> Array:
    """By how many bits to clip, [channels], `steps` tried for each bit; of two that are as good the fewer."""
    format_ = integer_format(element_type(op.result))
    held = saturation_range(resized(op, format_.word_length - fewer, 0).format, op.narrow)
    widest = np.ldexp(1.0, fewer - format_.fraction_bits)
    bits = np.arange(steps * min(MAX_CLIPPED_BITS, fewer) + 1) / steps
    return bits[np.stack([_squared_error(rows, widest * 2.0**-one, held.lo, held.hi) for one in bits]).argmin(axis=0)]


def _squared_error(rows: Array, step: float, lowest: int, highest: int) -> Array:
    """Sum for each row [channels]."""
    rounded = np.clip(np.rint(rows / np.float32(step)), lowest, highest) * np.float32(step)
    return np.square(rounded - rows).sum(axis=1, dtype=np.float64)


def _rows(numbers: Array, scale: Array | None) -> Array:
    """Numbers [channels, n] as float32; one row if the scale is one number."""
    if scale is None or scale.size == 1:
        return numbers.reshape(1, -1).astype(np.float32)
    axis = int(np.argmax(scale.shape)) - scale.ndim + numbers.ndim
    return np.moveaxis(numbers, axis, 0).reshape(scale.size, -1).astype(np.float32)


def own_scale(op: QuantizeOp) -> ConstantOp | None:
    """The constant of `quantize(x / scale) * scale` if nothing else uses it, and it may be any number.

    None as well for powers of two, which are to stay such, and for what is concatenated: there all have one scale.
    """
    scale = _scale_alone(op)
    return None if scale is None or _is_concatenated(op.result) else scale


def free_scales(main: FuncOp) -> dict[ConstantOp, Sequence[ConstantOp]]:
    """The scales of quantisers that may be any number, and with each those that stay equal to it."""
    ops = [op for op in main.body.block.ops if isinstance(op, QuantizeOp)]
    scales = {op: scale for op in ops if (scale := _scale_alone(op)) is not None}
    groups: dict[object, list[ConstantOp]] = {}
    for op, scale in scales.items():
        group = constant_array(scale).tobytes() if _is_concatenated(op.result) else op
        groups.setdefault(group, []).append(scale)
    return {scale: group for group in groups.values() for scale in group}


def _scale_alone(op: QuantizeOp) -> ConstantOp | None:
    owner = op.input.owner
    if not isinstance(owner, DivOp) or not isinstance(owner.rhs.owner, ConstantOp):
        return None
    users = {use.operation for use in owner.rhs.uses}
    behind = {use.operation for use in op.result.uses}
    if users != {owner, *behind} or not all(isinstance(user, MulOp) for user in behind):
        return None
    scale = constant_array(owner.rhs.owner)
    if not is_f32(element_type(owner.rhs)) or max(scale.shape, default=1) != prod(scale.shape):
        return None
    powers = (np.frexp(scale)[0] == np.float32(0.5)).all() or (scale <= 0).any()
    return None if powers else owner.rhs.owner


def _is_concatenated(value: SSAValue) -> bool:
    """Whether codes reach a concatenation before the next quantiser or product."""
    users = {use.operation for use in value.uses}
    if any(isinstance(user, ConcatOp) for user in users):
        return True
    passing = [user for user in users if not isinstance(user, (QuantizeOp, *PRODUCTS))]
    return any(_is_concatenated(result) for user in passing for result in user.results)


@dataclass(frozen=True)
class BiasScale:
    """The scale of a bias that is the product of the scales of a layer's input and weights."""

    bias: ConstantOp
    factors: tuple[ConstantOp, ...]

    @property
    def product(self) -> Array:
        shape = constant_array(self.bias).shape
        arrays = [constant_array(factor) for factor in self.factors]
        arrays = [array.reshape(() if array.size == 1 else shape) for array in arrays]
        return np.broadcast_to(np.asarray(prod(arrays[1:], start=arrays[0]), np.float32), shape)


def bias_scales(main: FuncOp) -> list[BiasScale]:
    """Those whose number is such a product now."""
    found = list[BiasScale]()
    for op in main.body.block.ops:
        for side in op.operands if isinstance(op, AddOp) else ():
            bias = _scale_behind(side)
            if bias is None or not _is_constant(side):
                continue
            (other,) = [operand for operand in op.operands if operand is not side] or [side]
            tie = _tie(bias, other.owner)
            if tie is not None:
                found.append(tie)
    return found


def _tie(bias: ConstantOp, product: object) -> BiasScale | None:
    if not isinstance(product, PRODUCTS):
        return None
    factors = [factor for operand in product.operands[:2] if (factor := _scale_behind(operand)) is not None]
    sizes = {constant_array(factor).size for factor in factors} - {1}
    if not factors or not sizes <= {constant_array(bias).size}:
        return None
    tie = BiasScale(bias, tuple(factors))
    return tie if np.array_equal(tie.product, constant_array(bias)) else None


def _scale_behind(value: SSAValue) -> ConstantOp | None:
    """The scale that codes were multiplied by, through ops of one input."""
    owner = value.owner
    while isinstance(owner, Operation):
        if isinstance(owner, MulOp):
            is_scale = isinstance(owner.lhs.owner, QuantizeOp) and isinstance(owner.rhs.owner, ConstantOp)
            return owner.rhs.owner if is_scale and isinstance(owner.rhs.owner, ConstantOp) else None
        if isinstance(owner, QuantizeOp) or len(owner.operands) != 1:
            return None
        owner = owner.operands[0].owner
    return None


def _is_constant(value: SSAValue) -> bool:
    """Whether no input of the network reaches a value."""
    return isinstance(value.owner, Operation) and all(_is_constant(operand) for operand in value.owner.operands)


def fitted_type(op: QuantizeOp, fewer: int, fit: Fit) -> FixedType | UFixedType:
    """The type of a quantiser's result with `fewer` bits than it has."""
    format_ = integer_format(element_type(op.result))
    return resized(op, format_.word_length - fewer, format_.fraction_bits - fewer + fit.shift)


def resized(op: QuantizeOp, bits: int, fraction_bits: int) -> FixedType | UFixedType:
    """The type of a quantiser's result with other bits."""
    signed = isinstance(element_type(op.result), FixedType)
    return FixedType(bits, fraction_bits) if signed else UFixedType(bits, fraction_bits)
