# SPDX-License-Identifier: Apache-2.0
"""What is to be shared: for each layer a number of values, a granularity and a codebook format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from xdsl.ir import Operation

from ..frontends.precision.specification import Sharing, SharingGranularity, Specification
from ..frontends.precision.syntax import error_in
from ..qdialect.errors import QoptError
from ..qdialect.formats import IntRange
from ..qdialect.q import BinaryOp, QuantizeOp, ReluOp
from ..qdialect.types import FixedType, integer_format
from .calibration.layers import layer_kind, node_names
from .rewriting import is_constant
from .weight_groups import common_type
from .weighted_layers import WeightedLayer


@dataclass(frozen=True)
class SharingPlan:
    """How the weights of a layer are shared; layers with one plan for the network share one codebook.

    `counts`: how many values; a search chooses in the range, else its end counts. `codebook`: None is as the weights.
    """

    counts: IntRange
    granularity: SharingGranularity
    codebook: FixedType | None = None


def plans_of(specification: Specification, layers: Sequence[WeightedLayer]) -> dict[WeightedLayer, SharingPlan]:
    """What a specification says of each layer; layers of which it says nothing are left out."""
    shares: dict[WeightedLayer, Sharing] = {}
    for layer in layers:
        choices = specification.choices(names_of(layer), layer_kind(layer.op))
        if choices.share is not None and not choices.keep:
            shares[layer] = choices.share
    plans: dict[WeightedLayer, SharingPlan] = {}
    for layer, share in shares.items():
        together = [other for other in shares if shares[other] == share]
        if share.granularity is SharingGranularity.NETWORK:
            _check_one_codebook(together, share, specification)
        widest = layer if share.granularity is not SharingGranularity.NETWORK else max(together, key=_word_length)
        plans[layer] = SharingPlan(share.count, share.granularity, _codebook(widest, share))
    _check_matches(specification, layers)
    return plans


def _check_one_codebook(layers: Sequence[WeightedLayer], share: Sharing, specification: Specification) -> None:
    """QoptError, at its place in the specification, if the layers cannot have one codebook."""
    try:
        common_type(layers)
    except QoptError as fault:
        raise error_in(specification, share.place, fault.what, fault.mend or "", layers[0].op) from None


def _check_matches(specification: Specification, layers: Sequence[WeightedLayer]) -> None:
    """QoptError if a rule shares the weights of no layer."""
    for rule in specification.rules:
        if rule.share is None or not layers or any(rule.matches(names_of(a), layer_kind(a.op)) for a in layers):
            continue
        asked, names = ", ".join(f"'{pattern.text}'" for pattern in rule.patterns), [layer.name for layer in layers]
        near = ", ".join(get_close_matches(rule.patterns[0].text, names, 3, 0)) or ", ".join(names[:3])
        what = f"no layer with weights is called {asked}"
        raise error_in(specification, rule.share.place, what, f"the nearest are {near}")


def names_of(layer: WeightedLayer) -> tuple[str, ...]:
    """Names of the nodes of a layer: of the product, and of what follows it alone up to where it is quantised."""
    ops: list[Operation] = [layer.op]
    while not isinstance(ops[-1], QuantizeOp) and len(ops[-1].results) == 1:
        users = {use.operation for use in ops[-1].results[0].uses}
        if len(users) != 1 or not isinstance(user := users.pop(), BinaryOp | ReluOp | QuantizeOp) or _joins(user):
            break
        ops.append(user)
    return (layer.name, *(name for name in node_names(ops) if name != layer.name))


def _joins(op: Operation) -> bool:
    return sum(not is_constant(operand) for operand in op.operands) > 1


def _word_length(layer: WeightedLayer) -> int:
    return 0 if layer.is_float else integer_format(layer.weights.type.element_type).word_length


def _codebook(layer: WeightedLayer, share: Sharing) -> FixedType | None:
    choice = share.codebook
    if choice is None or layer.is_float:
        return None
    own = integer_format(layer.weights.type.element_type)
    same_range = own.fraction_bits - max(0, own.word_length - choice.bits.hi)  # fewer bits are coarser ones
    fraction_bits = same_range if choice.fraction_bits is None else choice.fraction_bits
    return FixedType(choice.bits.hi, fraction_bits)
