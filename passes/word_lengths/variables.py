# SPDX-License-Identifier: Apache-2.0
"""The word lengths of a network that can be chosen: those of its quantisers.

With fewer bits a quantiser takes the scale that was fitted to them (`fitting.py`), on numbers that it got in the
network of the start: a choice of word lengths edits nothing but quantisers and their scales.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import Rewriter

from ...frontends.precision.specification import Clip, Role, Rounding, Specification
from ...frontends.precision.syntax import error_in
from ...qdialect.attrs import Array
from ...qdialect.errors import QoptError
from ...qdialect.q import QOp, QuantizeOp
from ...qdialect.q.base import tensor
from ...qdialect.reference import ExactReal, compile_function
from ...qdialect.types import FixedType, UFixedType, element_type, integer_format, shape_of
from ..accuracy_evaluation import Evaluator, decoded
from ..calibration.folding import set_constant
from ..calibration.functions import feeds_function
from ..calibration.reconstruction import Moments
from ..calibration.ties import avoid_ties
from ..evaluation import computed
from ..noise import noise_of
from ..rewriting import function_named
from .fitting import Fit, bias_scales, candidate_fits, fitted_type, free_scales, own_scale
from .reconstructing import input_moments, layer_of, reconstructed
from .roles import constant_values, layer_names, role_of, weights_layer_names

SAMPLES = 20_000  # numbers of each quantiser that its range is chosen on
SAMPLE_FRAMES = 16
FIT_FRAMES = 32  # on which fits are compared
SEED = 0
NOTHING_STATED = Specification()

Bits = tuple[int, ...]


@dataclass(frozen=True)
class Variable:
    """The word length of one quantiser.

    Args:
        names, kind: of the nodes of its layer and of what kind that is, as a specification knows it.
        index: place of the `q.quantize` in the block of @main.
        low, high: fewest bits, and those that it has.
        fits: how it changes, for each word length from `low` to `high`.
    """

    names: tuple[str, ...]
    kind: str
    role: Role
    index: int
    low: int
    high: int
    fits: tuple[Fit, ...] = field(repr=False)

    @property
    def name(self) -> str:
        """The node of the quantiser, or what is next to it."""
        return self.names[0] if self.names else self.kind

    def fit(self, bits: int) -> Fit:
        return self.fits[bits - self.low]

    def type_of(self, op: QuantizeOp, bits: int) -> FixedType | UFixedType:
        """The type of `bits` bits in place of the one that the quantiser has in the network of the start."""
        return fitted_type(op, self.high - bits, self.fit(bits))


def find_variables(
    module: ModuleOp, frames: Array, min_bits: int, specification: Specification = NOTHING_STATED
) -> tuple[Variable, ...]:
    """Quantisers of weights and activations to fixed-point formats of more than `min_bits`, in their order.

    Args:
        frames: [N, *shape] of the network's input; few are enough.
        specification: where it states a format, the fewest bits are those of its range, in place of `min_bits`.

    Raises: QoptError if there is none.
    """
    main = function_named(module, "main")
    assert main is not None
    constants = constant_values(main)
    ops = list(main.body.block.ops)
    quantizers = [(index, op) for index, op in enumerate(ops) if isinstance(op, QuantizeOp)]
    left = {function.index for function in function_variables(module, specification)}
    roles = [
        (index, op, role)
        for index, op in quantizers
        if index not in left and (role := role_of(op, constants)) is not None
    ]
    samples = _samples(module, [op for _, op, _ in roles], constants, frames)
    moments = _moments(module, [op for _, op, role in roles if role is Role.WEIGHT], frames, specification)
    found, evaluator = list[Variable](), Evaluator(frames[:FIT_FRAMES])
    for (index, op, role), numbers in zip(roles, samples, strict=True):
        high = integer_format(element_type(op.result)).word_length
        names, kind = weights_layer_names(op) if role is Role.WEIGHT else layer_names(op, constants)
        choice = specification.choices(names, kind).formats.get(role)
        low = max(
            min_bits if choice is None else choice.bits.lo, 2 if isinstance(element_type(op.result), FixedType) else 1
        )
        if high > low:
            most = 1 if choice is not None and choice.clip is Clip.MAX else None  # the whole range is the first
            candidates = [candidate_fits(op, numbers, high - bits)[:most] for bits in range(low, high)]
            if op in moments:
                candidates = [
                    [reconstructed(op, moments[op], fit, fitted_type(op, high - bits, fit)) for fit in some]
                    for bits, some in enumerate(candidates, low)
                ]
            variable = Variable(names, kind, role, index, low, high, (*(some[0] for some in candidates), Fit()))
            found.append(_fitted(module, variable, candidates, evaluator))
    if not found:
        raise _nothing_to_choose(module, min_bits, specification)
    return tuple(found)


def function_variables(module: ModuleOp, specification: Specification) -> tuple[Variable, ...]:
    """The quantisers in front of functions that q-quantize chose: their word lengths, which no search changes."""
    main = function_named(module, "main")
    if main is None or not specification.rules:
        return ()
    constants, found = constant_values(main), list[Variable]()
    for index, op in enumerate(main.body.block.ops):
        if isinstance(op, QuantizeOp) and role_of(op, constants) is Role.ACTIVATION and feeds_function(op):
            (names, kind), bits = layer_names(op, constants), integer_format(element_type(op.result)).word_length
            found.append(Variable(names, kind, Role.FUNCTION, index, bits, bits, (Fit(),)))
    return tuple(found)


def _nothing_to_choose(module: ModuleOp, min_bits: int, specification: Specification) -> QoptError:
    """An error that shows the range that leaves no choice, or the setting that asks for one."""
    choices = (choice for rule in specification.rules for choice in rule.formats.values())
    ranges = (choice.place for choice in choices if choice.bits.lo < choice.bits.hi)
    settings = (specification.places[key] for key in ("objective", "bound") if key in specification.places)
    what = f"no quantiser may have fewer bits than it has (at least {min_bits})"
    mend = "quantise the network first (q-quantize), or allow fewer bits, as in fixed<2..8>"
    return error_in(specification, next(chain(ranges, settings), None), what, mend, module)


def _moments(
    module: ModuleOp, ops: Sequence[QuantizeOp], frames: Array, specification: Specification
) -> dict[QuantizeOp, list[Moments]]:
    """Of the inputs of layers whose weights are to be rounded by reconstruction, by the quantiser of the weights."""
    if specification.rounding is not Rounding.RECONSTRUCT:
        return {}
    layers = {op: layer for op in ops if (layer := layer_of(op)) is not None}
    return dict(zip(layers, input_moments(module, list(layers.values()), frames), strict=True))


def _fitted(
    module: ModuleOp, variable: Variable, candidates: Sequence[Sequence[Fit]], evaluator: Evaluator
) -> Variable:
    """The variable with those of the candidates for each word length that make the noise of the output least."""
    exact = evaluator.outputs(module).astype(np.float64)

    def noise(fit: Fit, bits: int) -> float:
        one = replace(variable, fits=tuple([fit] * len(variable.fits)))
        return noise_of(exact, evaluator.outputs(with_bits(module, [one], (bits,)))).relative

    best = [
        some[0] if len(some) == 1 else min(some, key=partial(noise, bits=bits))
        for bits, some in enumerate(candidates, variable.low)
    ]
    return replace(variable, fits=(*best, Fit()))


def with_bits(module: ModuleOp, variables: Sequence[Variable], bits: Bits) -> ModuleOp:
    """A copy of the network whose quantisers have these word lengths."""
    copy = module.clone()
    set_bits(copy, variables, bits)
    return copy


def set_bits(module: ModuleOp, variables: Sequence[Variable], bits: Bits) -> None:
    main = function_named(module, "main")
    assert main is not None
    ops, biases = list(main.body.block.ops), bias_scales(main)
    for variable, count in zip(variables, bits, strict=True):
        op = ops[variable.index]
        assert isinstance(op, QuantizeOp)
        if count == variable.high:
            continue
        type_, scale = variable.type_of(op, count), own_scale(op)
        Rewriter.replace_value_with_new_type(op.result, tensor(type_, shape_of(op.result)))
        fit = variable.fit(count)
        if fit.scale is not None:
            assert scale is not None
            set_constant(scale, fit.scale)
        if fit.weights is not None:
            _set_weights(op, fit)
    if any(count < variable.high for variable, count in zip(variables, bits, strict=True)):
        avoid_ties(main, free_scales(main))
    for bias in biases:
        set_constant(bias.bias, bias.product)
    _infer_types_behind(main)


def _set_weights(op: QuantizeOp, fit: Fit) -> None:
    layer = layer_of(op)
    assert layer is not None
    assert fit.weights is not None
    set_constant(layer.weights, fit.weights)
    if layer.bias is not None and fit.bias is not None:
        set_constant(layer.bias, fit.bias)


def _infer_types_behind(main: FuncOp) -> None:
    """Bring the types of exact ops to those that follow from their operands, up to the next quantisers."""
    for op in main.body.block.ops:
        if not isinstance(op, QOp) or isinstance(op, QuantizeOp) or not op.operands:
            continue
        for result, type_ in zip(op.results, op.infer_types(), strict=True):
            if result.type != type_:
                Rewriter.replace_value_with_new_type(result, type_)
    main.update_function_type()


def _samples(module: ModuleOp, ops: Sequence[QuantizeOp], constants: set[SSAValue], frames: Array) -> list[Array]:
    """The numbers that each quantiser gets: all of a constant in its shape, else some, [n]."""
    first = frames[:SAMPLE_FRAMES]
    seen: dict[SSAValue, list[Array]] = {op.input: [] for op in ops if op.input not in constants}
    makers = {value.owner: value for value in seen if isinstance(value.owner, Operation)}

    def see(op: Operation, codes: Sequence[Array | ExactReal]) -> None:
        (array,) = codes
        seen[makers[op]].append(decoded(array, element_type(makers[op])))

    compile_function(module).run({0: first}, see, makers)
    for value, given in seen.items():
        if not isinstance(value.owner, Operation):
            given.append(first)
    chooser = np.random.default_rng(SEED)
    numbers = (np.concatenate(seen[op.input], None) if op.input in seen else computed(op.input) for op in ops)
    return [
        array if op.input in constants else _some(array.reshape(-1), chooser)
        for op, array in zip(ops, numbers, strict=True)
    ]


def _some(numbers: Array, chooser: np.random.Generator) -> Array:
    return numbers if numbers.size <= SAMPLES else chooser.choice(numbers, SAMPLES, replace=False)
