# SPDX-License-Identifier: Apache-2.0
"""Post-training quantisation of a float network: calibrate, choose, round, insert, score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from ...frontends.precision.data import Data, load_data
from ...frontends.precision.specification import Granularity, Role, Rounding, Specification
from ...frontends.precision.syntax import Source, error_in
from ...qdialect.attrs import Array
from ...qdialect.errors import QoptError
from ...qdialect.reference import Plan, compile_function
from ...qdialect.types import FixedType, FloatType, UFixedType, element_type, is_f32, shape_of
from ..fold_constants import FoldConstantsPass
from ..noise import Noise, noise_of
from ..rewriting import function_named
from .accumulators import check_accumulators
from .applying import (
    DEFAULT_BIAS,
    Quantizers,
    choose_activations,
    choose_weight,
    choose_weights,
    coarsened,
    insert_activations,
    insert_weights,
    linear_choices,
    site_choices,
)
from .checks import check_finite, check_hardware, check_kept, check_labels, check_patterns, check_roles
from .equalization import equalize
from .folding import fold_batch_norms
from .functions import add_functions
from .given_formats import check_given, free_weights
from .layers import Network, Site, find_layers, has_quantizers
from .quantizer import Quantizer
from .report import FLOAT32, GIVEN, NOISE_FRAMES, LayerReport, QuantizationReport
from .rounding_weights import WeightRounding
from .rows import has_rows
from .scoring import noises, score
from .statistics import Statistics, gather

Progress: TypeAlias = Callable[[str], None]


@dataclass
class _Job:
    """A network on its way to a quantised one."""

    module: ModuleOp
    specification: Specification
    data: Data | None
    progress: Progress

    @property
    def function(self) -> FuncOp:
        function = function_named(self.module, "main")
        assert function is not None
        return function

    @property
    def shape(self) -> tuple[int, ...]:
        return shape_of(self.function.args[0])


def quantize_network(
    context: Context,
    module: ModuleOp,
    specification: Specification,
    progress: Progress = lambda _: None,
    hardware: bool = False,
) -> QuantizationReport:
    """Quantise @main of a graph-level module in place, as the specification says.

    Args:
        hardware: the network is to become hardware: QoptError for layers that stay real.
    """
    data = _data(module, specification)
    original = compile_function(module.clone())
    reference = GIVEN if has_quantizers(module) else FLOAT32
    if reference == FLOAT32:  # quantisers of weights stay as they are
        FoldConstantsPass().apply(context, module)
    job = _Job(module, specification, data, progress)
    free_weights(job.function, specification)
    fold_batch_norms(job.function)
    pairs = equalize(job.function) if specification.equalize else 0
    network = find_layers(job.function)
    add_functions(network)
    notes = _notes(network, specification, pairs)
    _check(network, specification, hardware)
    plan = compile_function(module)
    statistics = _statistics(job, network, plan)
    quantizers = choose_activations(network, specification, statistics)
    insert_activations(network, quantizers)
    choose_weights(network, specification, quantizers)
    notes += _coarse_notes(network, quantizers)
    weights: dict[Operation, Array] = {linear.op: linear.weights.array for linear in network.linears}
    _round_weights(job, network, plan, quantizers)
    check_accumulators(network, specification, quantizers)
    weight_noise = _noise_of_weights(network, quantizers, weights)
    insert_weights(network, specification, quantizers)
    if data is None:
        return QuantizationReport(_report(network, quantizers, weight_noise, {}), reference=reference, notes=notes)
    after = compile_function(module)
    frames = next(iter(data.test.batches(job.shape, NOISE_FRAMES)))
    noise = noises((plan, job.function), (after, job.function), quantizers.quantised, [frames])
    result = score(original, after, data.test, job.shape, progress)
    progress("")
    rows = _report(network, quantizers, weight_noise, noise)
    return QuantizationReport(rows, result, statistics.frames, reference, notes)


def _notes(network: Network, specification: Specification, pairs: int) -> tuple[str, ...]:
    """How much of the network the settings reach. `pairs` were equalised."""
    notes = [f"equalize: {pairs} pairs of layers"] if specification.equalize else []
    if specification.bias_correction and specification.rounding is Rounding.NEAREST:
        count = sum(linear.bias is not None for linear in network.linears)
        notes.append(f"bias_correction: {count} of {len(network.linears)} layers have a bias")
    for linear in network.linears:
        weight = linear_choices(specification, linear).formats.get(Role.WEIGHT)
        if weight is not None and weight.granularity is Granularity.CHANNEL and linear.out_axis is None:
            notes.append(f"'{linear.name}', transposed in groups, has one scale for all channels")
        if weight is not None and specification.rounding is Rounding.RECONSTRUCT and not has_rows(linear):
            notes.append(
                f"the weights of '{linear.name}' are rounded to nearest: reconstruction knows no {linear.kind}"
            )
    return tuple(notes)


def _coarse_notes(network: Network, quantizers: Quantizers) -> tuple[str, ...]:
    """Which weights are coarser than their word length, as else their biases would not fit."""
    notes = list[str]()
    for linear in network.linears:
        if count := coarsened(linear, quantizers):
            scales = quantizers.weights[linear.op].scale.size
            where = f", in {count} of {scales} channels" if scales > 1 else ""
            notes.append(
                f"the weights of '{linear.name}' are coarser than their bits{where}: in quanta of finer products the "
                f"bias exceeds {DEFAULT_BIAS.bits.hi} bits; give its input fewer bits, or state the format of the bias"
            )
    return tuple(notes)


def _data(module: ModuleOp, specification: Specification) -> Data | None:
    """The data of the specification; QoptError if the network cannot take them."""
    function = function_named(module, "main")
    if function is None:
        raise QoptError("the module has no function @main", mend="name the function to quantise @main")
    if specification.data is None:
        return None
    if len(function.args) != 1 or not is_f32(element_type(function.args[0])):
        types = ", ".join(str(argument.type) for argument in function.args) or "nothing"
        raise QoptError(
            f"calibration feeds one float32 input, the network takes {types}", function, "give it one such input"
        )
    source = Source(specification.text, specification.name)
    data = load_data(specification.data, shape_of(function.args[0]), source)
    check_labels(data, function, specification)
    return data


def _check(network: Network, specification: Specification, hardware: bool) -> None:
    check_finite(network)
    check_patterns(network, specification)
    check_roles(network, specification)
    check_kept(network, specification)
    check_given(network, specification)
    if hardware:
        check_hardware(network, specification)


def _statistics(job: _Job, network: Network, plan: Plan) -> Statistics:
    """What the values to be quantised are on the calibration frames."""
    needed = [site for site in network.sites.values() if _needs_data(job.specification, site)]
    if needed and job.data is None:
        what = f"the range of the {needed[0].role} of '{needed[0].name}' is not known without data"
        mend = 'name frames to calibrate with: data { file = "x.npz" ... }, or the option data'
        place = site_choices(job.specification, needed[0]).formats[needed[0].role].place
        raise error_in(job.specification, place, what, mend)
    batches = [] if job.data is None else ([batch] for batch in job.data.calibration.batches(job.shape))
    statistics = gather(plan, network.sites, batches, job.progress)
    for value, histogram in statistics.histograms.items():
        if histogram.uncounted:
            what = f"the {network.sites[value].role} of '{network.sites[value].name}' is infinite or NaN on some frames"
            mend = "give frames as the network will see them, or train the network again"
            raise QoptError(what, value.owner if isinstance(value.owner, Operation) else None, mend)
    return statistics


def _report(
    network: Network, quantizers: Quantizers, weight_noise: Mapping[Operation, Noise], noise: Mapping[SSAValue, Noise]
) -> tuple[LayerReport, ...]:
    """What became of each layer; a layer with weights and what it gives are one row."""
    rows: dict[str, LayerReport] = {}
    for linear in network.linears:
        weight, bias = quantizers.weights.get(linear.op), quantizers.biases.get(linear.op)
        rows[linear.name] = LayerReport(
            linear.name,
            linear.kind,
            weight=None if weight is None else format_text(weight),
            bias=None if bias is None else format_text(bias),
            weight_sqnr=weight_noise[linear.op].sqnr if linear.op in weight_noise else None,
        )
    for value, site in network.sites.items():
        row = rows.get(site.name, LayerReport(site.name, site.kind))
        quantizer = quantizers.sites.get(value)
        if site.role is Role.FUNCTION:
            rows[site.name] = replace(row, function=None if quantizer is None else format_text(quantizer))
            continue
        rows[site.name] = replace(
            row,
            activation=None if quantizer is None else format_text(quantizer),
            sqnr=noise[value].sqnr if value in noise else None,
        )
    for given in network.given:
        row = rows.get(given.name, LayerReport(given.name, given.kind))
        role = "activation" if given.weights is None else "weight"
        rows[given.name] = replace(row, **{role: str(given)})
    return tuple(rows.values())


def _needs_data(specification: Specification, site: Site) -> bool:
    """Whether the scale of an activation follows from what it is."""
    choices = site_choices(specification, site)
    choice = choices.formats.get(site.role)
    return choice is not None and choice.fraction_bits is None and not choices.keep


def _round_weights(job: _Job, network: Network, before: Plan, quantizers: Quantizers) -> None:
    """Round weights by reconstruction, or correct biases, where the specification asks for it."""
    specification, data = job.specification, job.data
    reconstruct = specification.rounding is Rounding.RECONSTRUCT
    if not (reconstruct or specification.bias_correction):
        return
    if data is None:
        key, what = ("rounding", "reconstruct") if reconstruct else ("bias_correction", "on")
        mend = 'name them: data { file = "x.npz" ... }, or the option data'
        raise error_in(specification, specification.places.get(key), f"'{key} = {what}' needs frames to run", mend)
    rounding = WeightRounding(
        job.module, network, before, lambda: data.calibration.batches(job.shape), reconstruct, job.progress
    )
    rounding.run(quantizers, lambda linear, weights: choose_weight(linear, weights, specification, quantizers))


def _noise_of_weights(
    network: Network, quantizers: Quantizers, weights: Mapping[Operation, Array]
) -> dict[Operation, Noise]:
    """The noise of the weights against the float ones that they come from."""
    return {
        linear.op: noise_of(weights[linear.op], quantizers.weights[linear.op].apply(linear.weights.array))
        for linear in network.linears
        if linear.op in quantizers.weights
    }


def format_text(quantizer: Quantizer) -> str:
    """`fixed<8>`, and what its scale is."""
    match quantizer.type:
        case FixedType() | UFixedType():
            prefix = "fixed" if isinstance(quantizer.type, FixedType) else "ufixed"
            text = f"{prefix}<{quantizer.type.format.word_length}>"
        case FloatType():
            text = f"float<{quantizer.type.format.exponent_bits}, {quantizer.type.format.fraction_bits}>"
    zero = f" - {quantizer.zero_point}" if quantizer.zero_point else ""
    scale = f" * {float(quantizer.scale.reshape(-1)[0]):.4g}" if quantizer.scale.size == 1 else " per channel"
    return f"{text}{zero}{scale}"
