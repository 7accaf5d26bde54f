# SPDX-License-Identifier: Apache-2.0
"""Whether what a specification says suits a network, before anything is computed."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from math import prod

import numpy as np
from xdsl.dialects.func import FuncOp

from ...frontends.precision.data import Data
from ...frontends.precision.specification import (
    KINDS_OF_LAYERS,
    FormatChoice,
    Kind,
    Place,
    Role,
    SharingGranularity,
    Specification,
    range_text,
)
from ...frontends.precision.syntax import error_in
from ...qdialect.errors import QoptError
from ...qdialect.types import element_type, is_f32, shape_of
from .applying import linear_choices, site_choices
from .folding import bias_by_channel
from .layers import Linear, Network, Site

MOST_FREE_BITS = 16  # of activations whose scale is no power of two: the proof of wider requantisers takes too long


def check_patterns(network: Network, specification: Specification) -> None:
    """QoptError for a pattern of the specification that no layer matches."""
    layers = _layers(network)
    known = list(dict.fromkeys(name for names, _ in layers for name in names))
    for pattern in (pattern for rule in specification.rules for pattern in rule.patterns):
        if pattern.text == "*" or any(pattern.matches(names, kind) for names, kind in layers):
            continue
        close = get_close_matches(pattern.text.strip("*"), known, n=3, cutoff=0.3) or known[:3]
        kinds = [kind for kind in KINDS_OF_LAYERS if any(kind == layer[1] for layer in layers)]
        mend = f"the kinds are {', '.join(kinds)}" if pattern.is_kind else f"near are {', '.join(map(repr, close))}"
        raise error_in(specification, pattern.place, f"no layer matches {pattern}", mend)


def check_roles(network: Network, specification: Specification) -> None:
    """QoptError for a rule of named layers that gives a format to what none of them has."""
    takers = {
        Role.WEIGHT: [*network.linears, *(one for one in network.given if one.weights is not None)],
        Role.ACTIVATION: [
            *(site for site in network.sites.values() if site.role is Role.ACTIVATION),
            *(one for one in network.given if one.weights is None),
        ],
        Role.FUNCTION: [site for site in network.sites.values() if site.role is Role.FUNCTION],
        Role.BIAS: [linear for linear in network.linears if linear.bias is not None],
        Role.ACCUMULATOR: network.linears,
    }
    missing = {
        Role.WEIGHT: "they have no constant weights",
        Role.ACTIVATION: "what they give stays as it is, because no product or sum takes it",
        Role.FUNCTION: "they have no function that becomes a table, as sigmoid or tanh",
        Role.BIAS: "they have no bias",
        Role.ACCUMULATOR: "they add nothing up",
    }
    for rule in specification.rules:
        if any("*" in pattern.text or pattern.is_kind for pattern in rule.patterns):
            continue
        for role, choice in rule.formats.items():
            if not any(rule.matches(one.names, one.kind) for one in takers[role]):
                what = f"the {role} of {', '.join(map(str, rule.patterns))} gets a format, and {missing[role]}"
                raise error_in(specification, choice.place, what, f"leave '{role}' out")


def check_kept(network: Network, specification: Specification) -> None:
    """QoptError for a layer that one rule keeps in float32, and a later one gives a format."""
    for names, kind in _layers(network):
        kept: Place | None = None
        for rule in specification.rules:
            if not rule.matches(names, kind):
                continue
            kept = rule.keep_place or kept
            choice = next(iter(rule.formats.values()), None)
            if kept is not None and choice is not None:
                name = next(iter(names), kind)
                what = f"the layer '{name}' is kept in float32 (line {kept.line}), and gets a format"
                mend = "put 'keep' behind the format, or leave it out: layers without a format stay float32"
                raise error_in(specification, choice.place, what, mend)


def check_finite(network: Network) -> None:
    """QoptError for weights or a bias, batch normalisation folded in, that no number format holds."""
    for linear in network.linears:
        numbers = {"weights": linear.weights.array}
        if linear.bias is not None:
            numbers["bias"] = bias_by_channel(linear)
        for what, array in numbers.items():
            if not np.isfinite(array).all():
                mend = f"train or export the model again, with {what} that float32 holds"
                raise QoptError(f"the layer '{linear.name}' has infinity or NaN in its {what}", linear.op, mend)


def _layers(network: Network) -> list[tuple[Collection[str], str]]:
    """Names and kind of each layer."""
    layers: list[tuple[Collection[str], str]] = [(site.names, site.kind) for site in network.sites.values()]
    return [*layers, *((one.names, one.kind) for one in (*network.linears, *network.given))]


def check_labels(data: Data, function: FuncOp, specification: Specification) -> None:
    """QoptError for labels that are no class of a network whose first output has a score for each class."""
    source, outputs = specification.data, function.function_type.outputs.data
    if source is None or not outputs or not is_f32(element_type(outputs[0])):
        return
    classes = prod(shape_of(outputs[0]))
    if classes != shape_of(outputs[0])[-1]:
        return
    for arrays, frames in ((source.calibration, data.calibration), (source.test or source.calibration, data.test)):
        labels = frames.labels
        if labels is not None and (labels.min() < 0 or labels.max() >= classes):
            what = f"the labels '{arrays.labels}' go from {labels.min()} to {labels.max()}"
            mend = f"count the classes from 0 to {classes - 1}"
            raise error_in(specification, arrays.labels_place, f"{what}, the network has {classes} classes", mend)


def check_hardware(network: Network, specification: Specification) -> None:
    """QoptError for a layer with weights that stays real in a network that is to become hardware."""
    _check_ranges(specification)
    _check_one_codebook(network, specification)
    for linear in network.linears:
        choices = linear_choices(specification, linear)
        if choices.keep:
            what = f"the layer '{linear.name}' is kept in float32, and hardware has no floats"
            mend = f'give it a format, as in layers "{linear.name}" {{ weight = fixed<8> per channel }}'
            raise error_in(specification, choices.keep_place, what, mend)
        _check_fixed(choices.formats.get(Role.WEIGHT), linear, "weight", linear.name, specification)
        if linear.input is not None:
            _check_input(linear, linear.input, specification)


def _check_ranges(specification: Specification) -> None:
    """QoptError for a range of word lengths or of numbers of shared values where nothing chooses from it."""
    if specification.bound is not None:
        return
    for share in (rule.share for rule in specification.rules if rule.share is not None):
        if share.count.lo != share.count.hi:
            mend = f"write bound = accuracy drop 1 %, or one number, as share = {share.count.hi}"
            raise error_in(specification, share.place, "nothing chooses from the range of numbers of values", mend)
    if specification.objective is not None:
        return
    for choice in (choice for rule in specification.rules for choice in rule.formats.values()):
        if choice.bits.lo != choice.bits.hi:
            mend = f"write bound = accuracy drop 1 %, or one word length, as {choice.kind}<{choice.bits.hi}>"
            raise error_in(specification, choice.place, f"nothing chooses from the range in {choice}", mend)


def _check_one_codebook(network: Network, specification: Specification) -> None:
    """QoptError if layers are to have one codebook, and a search to give each its own word length, hence its own grid.

    Without a range the weights are known only once they are quantised: see `sharing_plans`.
    """
    for linear in network.linears:
        choices = linear_choices(specification, linear)
        weight, share = choices.formats.get(Role.WEIGHT), choices.share
        if share is None or weight is None or share.granularity is not SharingGranularity.NETWORK:
            continue
        if weight.bits.lo < weight.bits.hi:
            what = (
                f"one codebook for the network, and the word length of '{linear.name}' is chosen by itself ({weight})"
            )
            mend = f"write share = {range_text(share.count)} per layer, or weight = {weight.kind}<{weight.bits.hi}>"
            raise error_in(specification, share.place, what, mend, linear.op)


def _check_input(linear: Linear, site: Site, specification: Specification) -> None:
    """QoptError if the input of a layer does not become integers; that of the network may be integers without."""
    choices = site_choices(specification, site)
    choice = None if choices.keep else choices.formats.get(Role.ACTIVATION)
    if site.kind == "input":
        if choice is not None and choice.kind is Kind.FLOAT:
            _check_fixed(choice, linear, "activation", site.name, specification)
        return
    if choices.keep:
        what = f"'{site.name}' is kept in float32, the layer '{linear.name}' behind it is hardware and has no floats"
        raise error_in(specification, choices.keep_place, what, "give it 'activation = fixed<8>'")
    _check_fixed(choice, linear, "activation", site.name, specification)
    assert choice is not None
    if choice.fraction_bits is None and not choice.power_of_two and choice.bits.hi > MOST_FREE_BITS:
        what = f"the activation of '{site.name}' has {choice.bits.hi} bits and a free scale"
        mend = f"add 'power_of_two', or write at most {choice.kind}<{MOST_FREE_BITS}>"
        raise error_in(specification, choice.place, what, mend)


def _check_fixed(
    choice: FormatChoice | None, linear: Linear, role: str, name: str, specification: Specification
) -> None:
    """QoptError if there is no format, or one of floats; `name` is the layer that the format is of."""
    if choice is None:
        what = f"the specification gives the {role} of '{name}' no format, and hardware has no floats"
        mend = f'write {role} = fixed<8> for it, as in layers "{name}" {{ ... }} or layers "*" {{ ... }}'
        raise QoptError(what, specification.name if specification.text else linear.op, mend)
    if choice.kind is Kind.FLOAT:
        what = f"the {role} of '{name}' is {choice}, and hardware has no floats"
        bits = max(2, min(choice.bits.hi, MOST_FREE_BITS))
        mend = f"write fixed<{bits}>; floats run in the reference (q-quantize without 'hardware')"
        raise error_in(specification, choice.place, what, mend, linear.op)
