# SPDX-License-Identifier: Apache-2.0
"""Which quantiser each value, weight and bias of a network gets; and putting them into the IR."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from xdsl.ir import BlockArgument, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from ...frontends.precision.specification import MAX_BITS, Choices, FormatChoice, Kind, Role, Specification
from ...frontends.precision.syntax import error_in
from ...qdialect.attrs import Array
from ...qdialect.formats import IntRange
from ...qdialect.q import ConstantOp
from ...qdialect.types import FloatType, shape_of
from .choosing import activation_quantizer, bias_quantizer, power_of_two_above, weight_quantizer
from .folding import along, bias_by_channel, bias_operand, bias_shaped, constant_array, replace_constant
from .functions import count_codes, default_function, is_tabulated, layer_of
from .histogram import Histogram
from .layers import Linear, Network, Site
from .quantizer import Quantizer
from .result_types import infer_types
from .statistics import Statistics
from .ties import avoid_ties

DEFAULT_BIAS = FormatChoice(Kind.FIXED, IntRange(32, 32))
MOST_EXACT_BITS = 16  # of weights: with more, products may get finer than biases can count
LEAST_LEVELS = 32  # that wider weights must keep of theirs


@dataclass
class Quantizers:
    """The quantisers of a network. `quantised` is the value behind the quantiser of a site, once it is inserted."""

    sites: dict[SSAValue, Quantizer] = field(default_factory=dict[SSAValue, Quantizer])
    weights: dict[Operation, Quantizer] = field(default_factory=dict[Operation, Quantizer])
    biases: dict[Operation, Quantizer] = field(default_factory=dict[Operation, Quantizer])
    quantised: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])


def site_choices(specification: Specification, site: Site) -> Choices:
    return specification.choices(site.names, site.kind)


def linear_choices(specification: Specification, linear: Linear) -> Choices:
    return specification.choices(linear.names, linear.kind)


def choose_activations(network: Network, specification: Specification, statistics: Statistics) -> Quantizers:
    """The quantisers of all activations that the specification gives a format, at its greatest word length."""
    result = Quantizers()
    shared = _shared_histograms(network, statistics)
    for value, site in network.sites.items():  # functions stand behind all others
        choices = site_choices(specification, site)
        choice = choices.formats.get(site.role)
        if site.role is Role.FUNCTION and choice is None and statistics.frames and not choices.keep:
            choice = _function_choice(network, specification, result, site)
        if choice is not None and not choices.keep:
            at_join = any(other.at_join for other in network.sites.values() if other.group == site.group)
            _check_sign(shared[site.group], choice, site, specification)
            result.sites[value] = activation_quantizer(shared[site.group], choice, choice.bits.hi, at_join)
    _check_groups(network, specification, result)
    return result


def _function_choice(
    network: Network, specification: Specification, quantizers: Quantizers, site: Site
) -> FormatChoice | None:
    """The format that a function's argument gets where none is stated; None if it needs none."""
    activation = site_choices(specification, site).formats.get(Role.ACTIVATION)
    if activation is None or activation.kind is Kind.FLOAT:
        return None
    linear = layer_of(network, site)
    x = None if linear is None else _input_quantizer(linear, quantizers)
    if linear is None or x is None or has_floats(x):
        return default_function(activation)
    choices = linear_choices(specification, linear)
    if choices.keep or Role.WEIGHT not in choices.formats or choices.formats[Role.WEIGHT].kind is Kind.FLOAT:
        return None
    weight = choose_weight(linear, linear.weights.array, specification, quantizers)
    is_short = is_tabulated(site, activation, count_codes(linear, weight, x), weight.scale.size)
    return None if is_short else default_function(activation)


def _check_sign(histogram: Histogram, choice: FormatChoice, site: Site, specification: Specification) -> None:
    """QoptError if one bit is to hold negative numbers, and the scale follows from the data."""
    one_bit = choice.kind is Kind.FIXED and choice.bits.hi < 2 and not choice.asymmetric
    if one_bit and choice.fraction_bits is None and histogram.low < 0:
        what = f"the {site.role} of '{site.name}' has a sign, which {choice} has no bit for"
        raise error_in(specification, choice.place, what, "give it 2 bits, or write ufixed<1>")


def _shared_histograms(network: Network, statistics: Statistics) -> dict[int, Histogram]:
    shared: dict[int, Histogram] = {}
    for value, site in network.sites.items():
        shared.setdefault(site.group, Histogram()).merge(statistics.histograms[value])
    return shared


def _check_groups(network: Network, specification: Specification, quantizers: Quantizers) -> None:
    """QoptError if values that are concatenated have different formats."""
    first: dict[int, Site] = {}
    for value, site in network.sites.items():
        other = first.setdefault(site.group, site)
        mine, theirs = quantizers.sites.get(value), quantizers.sites.get(other.value)
        if (mine is None) != (theirs is None) or (mine and theirs and mine.type != theirs.type):
            what = f"'{other.name}' and '{site.name}' are concatenated, but their activations differ in format"
            choices = [site_choices(specification, one).formats.get(one.role) for one in (site, other)]
            place = next((choice.place for choice in choices if choice is not None), None)
            raise error_in(specification, place, what, "give both the same format")


def choose_weights(network: Network, specification: Specification, quantizers: Quantizers) -> None:
    """Add the quantisers of all weights that the specification gives a format."""
    for linear in network.linears:
        choices = linear_choices(specification, linear)
        if Role.WEIGHT in choices.formats and not choices.keep:
            quantizers.weights[linear.op] = choose_weight(linear, linear.weights.array, specification, quantizers)


def choose_weight(linear: Linear, weights: Array, specification: Specification, quantizers: Quantizers) -> Quantizer:
    """The quantiser of a layer for given float weights, at the greatest word length of its format.

    Where all weights of a channel are next to nothing, its bias would need any number of bits: then the scale of the
    weights grows until the bias fits, unless the specification states the format of the weights' scale or of the bias.
    """
    formats = linear_choices(specification, linear).formats
    choice = formats[Role.WEIGHT]
    quantizer = weight_quantizer(weights, linear.out_axis, choice, choice.bits.hi)
    activation = _input_quantizer(linear, quantizers)
    stated = Role.BIAS in formats or choice.fraction_bits is not None
    if activation is None or stated or has_floats(quantizer, activation):
        return quantizer
    floor = _least_scale(linear, quantizer, activation)
    raised = power_of_two_above(floor)
    coarse = (quantizer.scale < floor) & (np.ldexp(quantizer.scale, choice.bits.hi - 1) < LEAST_LEVELS * raised)
    if choice.bits.hi > MOST_EXACT_BITS and coarse.any():
        what = f"the bias of '{linear.name}' exceeds {DEFAULT_BIAS.bits.hi} bits in quanta of such fine products"
        raise error_in(specification, choice.place, what, "give the weights or the activations fewer bits", linear.op)
    return replace(quantizer, scale=np.where(quantizer.scale < floor, raised, quantizer.scale).astype(np.float32))


def _least_scale(linear: Linear, weight: Quantizer, activation: Quantizer) -> Array:
    """The scales of weights with which a bias of the default format fits."""
    floors = np.abs(bias_by_channel(linear)) / (float(activation.scale) * 2.0 ** (DEFAULT_BIAS.bits.hi - 2))
    if weight.scale.size == 1 or linear.out_axis is None:
        return np.asarray(floors.max(initial=0.0))
    return along(floors, linear.out_axis, linear.weights.array.ndim)


def coarsened(linear: Linear, quantizers: Quantizers) -> int:
    """How many scales of a layer's weights grew for the bias to fit: see `choose_weight`."""
    weight, activation = quantizers.weights.get(linear.op), _input_quantizer(linear, quantizers)
    if weight is None or activation is None or has_floats(weight, activation):
        return 0
    floor = _least_scale(linear, weight, activation)
    return int(np.count_nonzero((floor > 0) & (weight.scale == power_of_two_above(floor).astype(np.float32))))


def _input_quantizer(linear: Linear, quantizers: Quantizers) -> Quantizer | None:
    return None if linear.input is None else quantizers.sites.get(linear.input.value)


def has_floats(*quantizers: Quantizer) -> bool:
    """Whether one of them gives floats, whose products have no common quantum."""
    return any(isinstance(quantizer.type, FloatType) for quantizer in quantizers)


def choose_bias(linear: Linear, specification: Specification, quantizers: Quantizers) -> Quantizer | None:
    """The quantiser of a bias, in quanta of the products; None where products have no common quantum."""
    weight = quantizers.weights.get(linear.op)
    activation = _input_quantizer(linear, quantizers)
    if weight is None or activation is None or linear.bias is None:
        return None
    if has_floats(weight, activation):
        return None
    choice = linear_choices(specification, linear).formats.get(Role.BIAS, DEFAULT_BIAS)
    scale = weight.scale if weight.scale.size == 1 else bias_shaped(linear, weight.scale.reshape(-1))
    quantizer = bias_quantizer(choice.bits.hi, activation.scale, scale)
    bias = bias_by_channel(linear)
    quanta = np.abs(np.rint(bias / np.broadcast_to(quantizer.scale.reshape(-1), bias.shape)))
    needed = 1 + int(quanta.max(initial=0)).bit_length()
    if needed > choice.bits.hi:
        what = f"the bias of '{linear.name}' needs {needed} bits, its format has {choice.bits.hi}"
        wider = f"write bias = fixed<{needed}>, or " if needed <= MAX_BITS else ""
        mend = f"{wider}give its input and weights fewer bits"
        raise error_in(specification, choice.place, what, mend, linear.op)
    return quantizer


def insert_activations(network: Network, quantizers: Quantizers) -> None:
    """Put the quantisers of activations behind the values; all users get the quantised value.

    Scales that may be any number move a little, where two codes could meet half-way between two others.
    """
    groups: dict[int, list[ConstantOp]] = {}
    scales: dict[SSAValue, ConstantOp] = {}
    for value, quantizer in quantizers.sites.items():
        site = network.sites[value]
        owner = value.owner if isinstance(value.owner, Operation) else None
        ops = quantizer.emit(value, owner)
        last = ops[-1].results[0]
        last.name_hint = f"{value.name_hint or site.kind}_quantized"
        value.replace_uses_with_if(last, lambda use, ops=ops: use.operation not in ops)
        if owner is not None:
            Rewriter.insert_op(ops, InsertPoint.after(owner))
        else:
            assert isinstance(value, BlockArgument)
            Rewriter.insert_op(ops, InsertPoint.at_start(value.owner))  # pyright: ignore[reportArgumentType]
        quantizers.quantised[value] = last
        if isinstance(ops[0], ConstantOp):
            scales[value] = ops[0]
            groups.setdefault(site.group, []).append(ops[0])
    avoid_ties(network.function, {scale: groups[network.sites[value].group] for value, scale in scales.items()})
    for value, scale in scales.items():
        quantizers.sites[value] = replace(quantizers.sites[value], scale=constant_array(scale))
    infer_types(network.function)


def insert_weights(network: Network, specification: Specification, quantizers: Quantizers) -> None:
    """Put quantisers behind weights and biases."""
    for linear in network.linears:
        quantizer = quantizers.weights.get(linear.op)
        if quantizer is None:
            continue
        bias = choose_bias(linear, specification, quantizers)
        _insert_constant(linear.op, linear.weight_index, quantizer)
        if bias is not None:
            assert linear.bias is not None
            operand = bias_operand(linear)
            index = 1 if linear.bias.rhs is operand else 0
            shape = np.broadcast_shapes(shape_of(operand), bias.scale.shape)
            if shape != shape_of(operand):
                replace_constant(linear.bias, index, bias_shaped(linear, bias_by_channel(linear)))
            _insert_constant(linear.bias, index, bias)
            quantizers.biases[linear.op] = bias
    infer_types(network.function)


def _insert_constant(user: Operation, index: int, quantizer: Quantizer) -> None:
    """Let the constant operand of `user` pass through a quantiser."""
    value = user.operands[index]
    owner = value.owner
    assert isinstance(owner, Operation)
    ops = quantizer.emit(value, owner)
    ops[-1].results[0].name_hint = value.name_hint
    Rewriter.insert_op(ops, InsertPoint.before(user))
    user.operands[index] = ops[-1].results[0]
