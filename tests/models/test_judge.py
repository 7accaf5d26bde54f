# SPDX-License-Identifier: Apache-2.0
"""Codes of every layer of real networks, against those of the qonnx package.

qonnx computes in float32, the reference exactly. They must agree where float32 is exact as well: at the first
quantiser, which keeps ONNX's float32 order, and in networks with scales of a power of two. Elsewhere float32 may round
to the other side of a rounding boundary: by one code, where the exact value lies next to it, once in a million codes.
`pytest -s` shows the counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np
import pytest
from numpy.typing import NDArray
from qopt_mlir.qdialect.errors import node_name
from qopt_mlir.qdialect.formats import BipolarFormat
from qopt_mlir.qdialect.reference import ExactReal, Plan
from qopt_mlir.qdialect.reference.user_inputs import input_codes
from qopt_mlir.qdialect.types import element_type, integer_format
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

from .judge import Judgement, judge
from .layers import gives_codes, layer, quantised
from .models import Model, assert_close, exact_graph

pytest.importorskip("qonnx", reason="the qonnx package is not installed: pip install -e '.[test]'")
pytestmark = pytest.mark.filterwarnings("default")  # the judge's own

FRAMES = 10_000
POWERS_OF_TWO = ("tfc_1w1a", "tfc_2w2a", "qkeras_jettagging")  # scales with which float32 sums are exact
NEAR = Fraction(1, 1 << 14)  # of a code
MOST = Fraction(1, 10**6)  # codes that may differ


@dataclass(frozen=True)
class Case:
    """A model, its frames as codes of its input, and what the judge says of them."""

    model: Model
    inputs: NDArray[np.generic]
    judgement: Judgement

    def layer_inputs(self, previous: str | None) -> NDArray[np.generic]:
        """What enters the layer behind the quantiser `previous`."""
        return self.inputs if previous is None else self.judgement.codes[previous]


@pytest.fixture(scope="module")
def case(model: Model, typed_module: ModuleOp) -> Case:
    frames = model.frames(FRAMES)
    main = next(op for op in typed_module.ops if isinstance(op, FuncOp) and op.sym_name.data == "main")
    return Case(model, input_codes(main, {"": frames})[0], judge(model, frames))


def run(plan: Plan, codes: NDArray[np.generic]) -> NDArray[np.generic] | ExactReal:
    """Codes (or exact numbers) that the plan makes of codes."""
    return plan.run_codes({0: codes.reshape(-1, *plan.inputs[0].numbers.shape)})[0]


def distance_to_boundary(value: Fraction, op: Operation) -> Fraction:
    """How far, in codes, a value lies from the nearest one where the code that `op` gives it changes."""
    format_ = integer_format(element_type(op.results[0]))
    if isinstance(format_, BipolarFormat):
        return abs(value)
    code = value * Fraction(2) ** format_.fraction_bits
    return abs(code - floor(code) - Fraction(1, 2))


def differences(case: Case, module: ModuleOp) -> dict[str, NDArray[np.intp]]:
    """Where each layer, fed with the judge's codes of the layer before, gives other codes: (frame, element) pairs."""
    found: dict[str, NDArray[np.intp]] = {}
    previous = None
    for name, wanted in case.judgement.codes.items():
        codes = run(layer(module, previous, name, lambda op: op.results[0]), case.layer_inputs(previous))
        assert isinstance(codes, np.ndarray)
        distance = np.abs(codes.reshape(FRAMES, -1).astype(np.int64) - wanted.reshape(FRAMES, -1))
        assert distance.max() <= 1, name
        found[name] = np.argwhere(distance)
        print(f"{case.model.name}: {name}: {len(found[name])} of {wanted.size} codes differ")
        previous = name
    return found


def test_quantisers_are_kept(case: Case, typed_module: ModuleOp) -> None:
    assert list(quantised(typed_module)) == list(case.judgement.codes)


def test_codes_of_each_layer(case: Case, typed_module: ModuleOp) -> None:
    found = differences(case, typed_module)
    count, total = sum(map(len, found.values())), sum(codes.size for codes in case.judgement.codes.values())
    print(f"{case.model.name}: {count} of {total} codes differ")
    assert total >= 1 / MOST
    assert count <= (0 if case.model.name in POWERS_OF_TWO else MOST * total)
    names = [None, *found]
    for previous, (name, places) in zip(names, found.items(), strict=False):
        for distance in boundary_distances(case, previous, name, places):
            print(f"{case.model.name}: {name}: the exact value is {float(distance):.3g} code from a rounding boundary")
            assert distance <= NEAR


def boundary_distances(case: Case, previous: str | None, name: str, places: NDArray[np.intp]) -> list[Fraction]:
    """Distance of the exact value from a rounding boundary at each (frame, element) of `places`."""
    if not len(places):
        return []
    module = exact_graph(case.model)
    values = run(layer(module, previous, name, lambda op: op.operands[0]), case.layer_inputs(previous)[places[:, 0]])
    assert isinstance(values, ExactReal), "the first quantiser, in float32, gives the judge's codes"
    fractions = values.to_fractions().reshape(len(places), -1)[np.arange(len(places)), places[:, 1]]
    return [distance_to_boundary(value, quantised(module)[name]) for value in fractions]


def test_outputs(case: Case, typed_module: ModuleOp) -> None:
    """Numbers agree but for float32's rounding; every frame without a tie is put in the same class."""
    last = list(case.judgement.codes)[-1]
    stored = run(layer(typed_module, last, None, lambda op: op.results[0]), case.judgement.codes[last])
    assert isinstance(stored, np.ndarray)
    outputs, wanted = stored.reshape(FRAMES, -1), case.judgement.outputs.reshape(FRAMES, -1)
    assert_close(outputs, wanted)
    ties = (outputs == outputs.max(axis=1, keepdims=True)).sum(axis=1) > 1
    print(f"{case.model.name}: {ties.sum()} of {FRAMES} frames have two largest outputs")
    assert (outputs.argmax(axis=1) == wanted.argmax(axis=1))[~ties].all()


def test_whole_chain(case: Case, plan: Plan) -> None:
    """Fed with its own codes throughout, a network with exact sums still gives every code of the judge's."""
    found: dict[str, list[NDArray[np.generic]]] = {}

    def trace(op: Operation, codes: Sequence[NDArray[np.generic] | ExactReal]) -> None:
        assert isinstance(codes[0], np.ndarray)
        found.setdefault(str(node_name(op)), []).append(codes[0])

    traced = {step.op for step in plan.steps if gives_codes(step.op)}
    run_traced = plan.run_codes({0: case.inputs}, trace, traced)
    assert len(run_traced) == 1
    count = total = 0
    for name, wanted in case.judgement.codes.items():
        codes = np.concatenate(found[name]).reshape(FRAMES, -1)
        count += int((codes != wanted.reshape(FRAMES, -1)).sum())
        total += wanted.size
    print(f"{case.model.name}: {count} of {total} codes differ along the whole chain")
    if case.model.name in POWERS_OF_TWO:
        assert count == 0
