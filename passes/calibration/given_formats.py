# SPDX-License-Identifier: Apache-2.0
"""What a specification makes of formats that a network came with: kept where they suit it, else chosen anew or refused.

Weights that a file stores as integers, or that have a quantiser, are float32 again where the specification asks for
other formats than theirs; a quantiser of an activation stays, and has to suit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import Rewriter

from ...frontends.precision.specification import FormatChoice, Kind, Role, Specification
from ...frontends.precision.syntax import error_in
from ...qdialect.attrs import Array
from ...qdialect.float_formats import decode
from ...qdialect.q import QuantizeOp
from ...qdialect.types import FixedType, FloatType, FormatType, element_type
from ..evaluation import computed
from .folding import replace_constant
from .layers import Given, Network, find_layers
from .result_types import infer_types
from .scoring import numbers_of


def free_weights(function: FuncOp, specification: Specification) -> None:
    """Make weights float32 whose format the specification does not allow, and the biases behind them.

    What is said of a bias or an accumulator counts in quanta of weights that are chosen, so they are, too.
    """
    found = False
    for given in find_layers(function).given:
        choices = specification.choices(given.names, given.kind)
        choice = choices.formats.get(Role.WEIGHT)
        if given.weights is None or choice is None or choices.keep:
            continue
        if _suits(given, choice) and not {Role.BIAS, Role.ACCUMULATOR} & choices.formats.keys():
            continue
        found = True
        _free(given.op, given.weights)
        if given.bias is not None:
            _free(next(iter(given.op.results[0].uses)).operation, given.bias)
    if found:
        infer_types(function)


def _suits(given: Given, choice: FormatChoice) -> bool:
    """Whether weights may stay as they are; a search needs their quantiser to shorten them."""
    if given.weights is None or not isinstance(given.type, FixedType) or choice.kind is not Kind.FIXED:
        return isinstance(given.type, FloatType) and given.type.format == choice.float_format
    if choice.fraction_bits is not None:
        return element_type(given.weights) == FixedType(choice.bits.hi, choice.fraction_bits)
    is_chosen = choice.bits.lo < choice.bits.hi
    if given.type.bitwidth > choice.bits.hi or (is_chosen and not _has_quantizer(given.weights)):
        return False
    return not choice.power_of_two or isinstance(element_type(given.weights), FormatType)


def _has_quantizer(value: SSAValue) -> bool:
    op = value.owner
    return isinstance(op, Operation) and (isinstance(op, QuantizeOp) or any(map(_has_quantizer, op.operands)))


def _free(user: Operation, value: SSAValue) -> None:
    """Let `user` take a constant expression as one float32 constant."""
    replace_constant(user, user.operands.index(value), _numbers(value))
    _erase_unused(value)


def _erase_unused(value: SSAValue) -> None:
    op = value.owner
    if isinstance(op, Operation) and not any(result.uses.get_length() for result in op.results):
        operands = list(op.operands)
        Rewriter.erase_op(op)
        for operand in operands:
            _erase_unused(operand)


def _numbers(value: SSAValue) -> Array:
    type_, codes = element_type(value), computed(value)
    numbers = decode(codes, type_.format) if isinstance(type_, FloatType) else numbers_of(value, codes)
    return numbers.astype(np.float32)


def check_given(network: Network, specification: Specification) -> None:
    """QoptError for a quantiser of an activation that has more bits, or another kind of format, than is asked for."""
    for given in network.given:
        choices = specification.choices(given.names, given.kind)
        choice = choices.formats.get(Role.ACTIVATION)
        if given.weights is not None or choice is None or choices.keep or _is_within(given.type, choice):
            continue
        what = f"the activation of '{given.name}' is quantised already, {given}, and not {choice}"
        mend = "leave it out, or quantise the float network"
        if given.type is not None and not isinstance(given.type, FloatType) and choice.kind is not Kind.FLOAT:
            mend = f"write {choice.kind}<{choice.bits.lo}..{given.type.bitwidth}> and a bound, or {mend}"
        raise error_in(specification, choice.place, what, mend, given.op)


def _is_within(type_: FormatType[Any] | None, choice: FormatChoice) -> bool:
    if isinstance(type_, FloatType) or choice.float_format is not None:
        return isinstance(type_, FloatType) and type_.format == choice.float_format
    return type_ is not None and type_.bitwidth <= choice.bits.hi
