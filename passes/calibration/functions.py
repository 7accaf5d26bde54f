# SPDX-License-Identifier: Apache-2.0
"""Functions of one number that hardware has as tables: where they begin, and what quantiser they need there.

A sigmoid, tanh, SELU, ... between a layer and a quantiser becomes a table of the codes of the sums. Sums of many bits
have too many: then a quantiser in front of the function leaves few. Piecewise linear functions, as ReLU, clips and
leaky ReLU, need none: together with the quantiser behind them they have a closed form.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
from xdsl.ir import BlockArgument, Operation, SSAValue

from ...frontends.precision.specification import FormatChoice, Kind, Role
from ...qdialect.dataflow.table import MAX_TABLE_WIDTH
from ...qdialect.formats import IntRange
from ...qdialect.q import (
    AddOp,
    AsinhOp,
    AtanOp,
    BatchNormOp,
    ClipOp,
    DivOp,
    ErfOp,
    ExpOp,
    MaxOp,
    MinOp,
    MulOp,
    PReluOp,
    QuantizeOp,
    ReluOp,
    SigmoidOp,
    SinhOp,
    SoftplusOp,
    SqrtOp,
    SubOp,
    TanhOp,
)
from ...qdialect.q.inference import constant_of
from ...qdialect.types import element_type, is_f32, shape_of
from ..function_table import MAX_ENTRIES
from ..hardware_support import is_pointwise, joins_branches
from .choosing import MOST_THRESHOLD_BITS
from .folding import bias_by_channel
from .layers import Linear, Network, Site
from .quantizer import Quantizer

EXTRA_BITS = 4  # of a function's argument over its result
ENOUGH_BITS = 12  # of an argument, where the result has no more
MARGIN = 2  # rounding by reconstruction and corrected biases may make sums larger
_MONOTONE = (SigmoidOp, TanhOp, ErfOp, SoftplusOp, ExpOp, SqrtOp, AtanOp, SinhOp, AsinhOp, MaxOp, MinOp)


def add_functions(network: Network) -> None:
    """Add a site, of the role `function`, in front of each function that a quantised value is of another value."""
    for value, site in list(network.sites.items()):
        found = _function(network, value)
        if found is None or found[0] in network.sites:
            continue
        source, ops = found
        names, kind = network.origin(source)
        names, group = tuple(dict.fromkeys((*names, *site.names))), len(network.sites)
        network.sites[source] = Site(source, names, kind, group, kind == "add", Role.FUNCTION, ops)


def _function(network: Network, value: SSAValue) -> tuple[SSAValue, tuple[Operation, ...]] | None:
    """The value in front of the first op without a closed form that `value` follows from, and the ops in between."""
    place: dict[object, int] = {op: number for number, op in enumerate(network.function.body.block.ops)}
    leaves, ops, first, found = {value}, list[Operation](), True, None
    while first or not any(leaf in network.sites for leaf in leaves):
        first = False
        last = max(leaves, key=lambda leaf: place.get(leaf.owner, -1))
        operands = None if isinstance(last, BlockArgument) else _operands(network, last)
        if not operands:
            break
        ops.append(last.owner)  # pyright: ignore[reportArgumentType]
        leaves = (leaves - {last}) | set(operands)
        needs_table = not all(_is_closed(op) for op in ops[len(found[1]) if found else 0 :])
        if len(leaves) == 1 and needs_table:
            found = (next(iter(leaves)), tuple(ops))
    if found is None or isinstance(found[0], BlockArgument) or not is_f32(element_type(found[0])):
        return None
    return found


def _operands(network: Network, value: SSAValue) -> list[SSAValue] | None:
    """What a value follows from, element by element; None if it does not."""
    op = value.owner
    if not is_pointwise(op):
        return None
    operands = [operand for operand in dict.fromkeys(op.operands) if operand in network.dynamic]
    return operands if all(shape_of(operand) == shape_of(value) for operand in operands) else None


def _is_closed(op: Operation) -> bool:
    """Whether an op, with the quantiser behind it, becomes hardware whatever the number of codes."""
    if isinstance(op, DivOp):
        return constant_of(op.rhs) is not None
    return isinstance(op, AddOp | SubOp | MulOp | BatchNormOp | ReluOp | ClipOp | PReluOp)


def feeds_function(op: QuantizeOp) -> bool:
    """Whether all that uses the codes is a function without a closed form, up to the next quantiser."""
    work, needs_table = [use.operation for use in op.result.uses], False
    while work:
        user = work.pop()
        if isinstance(user, QuantizeOp):
            continue
        if not is_pointwise(user) or joins_branches(user):
            return False
        needs_table |= not _is_closed(user)
        work += [use.operation for result in user.results for use in result.uses]
    return needs_table


def default_function(activation: FormatChoice) -> FormatChoice:
    """The format of a function's argument where none is stated, given that of its result."""
    bits = min(activation.bits.hi + EXTRA_BITS, max(activation.bits.hi, ENOUGH_BITS), MAX_TABLE_WIDTH)
    return replace(activation, kind=Kind.FIXED, bits=IntRange(bits, bits), fraction_bits=None, asymmetric=False)


def is_tabulated(site: Site, activation: FormatChoice, codes: int, tables: int) -> bool:
    """Whether the function needs no quantiser in front of it.

    Args:
        codes: that the sums in front of it can have.
        tables: how many differ, as channels have scales of their own.
    """
    rises = all(_is_closed(op) or isinstance(op, _MONOTONE) for op in site.function)
    is_short = rises and activation.bits.hi <= MOST_THRESHOLD_BITS
    return MARGIN * codes * tables <= MAX_ENTRIES and (is_short or MARGIN * codes <= 1 << MAX_TABLE_WIDTH)


def layer_of(network: Network, site: Site) -> Linear | None:
    """The layer whose sums, moved or of other scale, a function gets; None if it gets something else."""
    linears: dict[Operation, Linear] = {linear.op: linear for linear in network.linears}
    value = site.value
    while isinstance(value.owner, Operation):
        if value.owner in linears:
            return linears[value.owner]
        dynamic = [operand for operand in value.owner.operands if operand in network.dynamic]
        if len(dynamic) != 1 or prod(shape_of(dynamic[0])) < prod(shape_of(value)):
            return None
        value = dynamic[0]
    return None


def count_codes(linear: Linear, weight: Quantizer, activation: Quantizer) -> int:
    """How many codes the sums of a layer may have, with its bias."""
    quanta = weight.quanta(linear.weights.array).astype(np.float64)
    axes = tuple(axis for axis in range(quanta.ndim) if axis != linear.out_axis)
    positive, negative = (np.clip(quanta, *ends).sum(axis=axes) for ends in ((0, None), (None, 0)))
    codes = activation.codes
    low, high = positive * codes.lo + negative * codes.hi, positive * codes.hi + negative * codes.lo
    if linear.bias is not None:
        bias = bias_by_channel(linear) / (float(activation.scale) * weight.scale.reshape(-1).astype(np.float64))
        low, high = low + bias, high + bias
    return int(np.max(high) - np.min(low)) + 2
