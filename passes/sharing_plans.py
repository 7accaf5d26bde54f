# SPDX-License-Identifier: Apache-2.0
"""What is to be shared: for each layer a number of values, a granularity and a codebook format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..frontends.precision.specification import Kind, Sharing, SharingGranularity, Specification
from ..qdialect.errors import QoptError
from ..qdialect.q import Convolution, ConvTransposeOp
from ..qdialect.types import FixedType, UFixedType, integer_format
from .weighted_layers import WeightedLayer


@dataclass(frozen=True)
class SharingPlan:
    """How the weights of a layer are shared. `codebook` None: values have the format of the weights."""

    count: int
    granularity: SharingGranularity
    codebook: FixedType | UFixedType | None = None


def plans_of(specification: Specification, layers: Sequence[WeightedLayer]) -> dict[WeightedLayer, SharingPlan]:
    """What a specification says of each layer; layers of which it says nothing are left out."""
    plans: dict[WeightedLayer, SharingPlan] = {}
    for layer in layers:
        choices = specification.choices((layer.name,), kind_of(layer))
        share = choices.share
        if share is not None and not choices.keep:
            plans[layer] = SharingPlan(share.count.hi, share.granularity, _codebook(layer, share))
    return plans


def kind_of(layer: WeightedLayer) -> str:
    """The kind of a layer, as specifications name it."""
    op = layer.op
    if isinstance(op, ConvTransposeOp):
        return "conv_transpose"
    if not isinstance(op, Convolution):
        return "matmul"
    return "depthwise" if op.groups > 1 and op.groups == op.in_channels else "conv"


def _codebook(layer: WeightedLayer, share: Sharing) -> FixedType | UFixedType | None:
    choice = share.codebook
    if choice is None or layer.is_float:
        return None
    if choice.kind is Kind.FLOAT:
        raise QoptError(f"the codebook of '{layer.name}' is {choice}", layer.op, "give it a fixed or ufixed format")
    own = integer_format(layer.weights.type.element_type)
    same_range = own.fraction_bits - max(0, own.word_length - choice.bits.hi)  # fewer bits are coarser ones
    fraction_bits = same_range if choice.fraction_bits is None else choice.fraction_bits
    return (FixedType if choice.kind is Kind.FIXED else UFixedType)(choice.bits.hi, fraction_bits)
