# SPDX-License-Identifier: Apache-2.0
"""Plans: inputs and outputs, chunks, memory, calls, traces, refusals."""

import gc
import weakref
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from qopt_mlir.qdialect.attrs import RangeAttr
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.formats import Rounding
from qopt_mlir.qdialect.q import (
    AddOp,
    ArgMaxOp,
    MatMulOp,
    MulOp,
    QuantizeOp,
    ReluOp,
    ReshapeOp,
    SubOp,
    ThresholdOp,
    TransposeOp,
)
from qopt_mlir.qdialect.reference import Plan, compile_function, executor
from qopt_mlir.qdialect.types import BipolarType, FixedType, FloatType, UFixedType
from xdsl.builder import ImplicitBuilder
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, StringAttr, TensorType, f32
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import SSAValue

from .helpers import compiled, constant, function, real_constant

INT8 = FixedType(8, 0)


def network(x: SSAValue) -> list[SSAValue]:
    """A small quantised network with a branch: its values die at different places."""
    rng = np.random.default_rng(0)
    scaled = SubOp(MulOp(x, constant(np.float32(2), f32)).result, constant(np.float32(1), f32)).result
    q = QuantizeOp(scaled, FixedType(4, 1)).result
    a = MatMulOp(q, constant(rng.integers(-3, 4, (6, 5)), FixedType(3, 0))).result
    t = ThresholdOp(a, constant(np.sort(rng.integers(-40, 40, (5, 3)), 1), FixedType(8, 1)), UFixedType(2, 0), 0).result
    b = MatMulOp(t, constant(rng.integers(-3, 4, (5, 6)), FixedType(3, 0))).result
    joined = ReluOp(AddOp(b, q).result).result
    r = MulOp(joined, real_constant([Fraction(1, n + 3) for n in range(6)])).result
    return [r, ReshapeOp(TransposeOp(joined, [1, 0]).result, [6]).result, scaled]


def inputs(frames: int) -> np.ndarray:
    return np.random.default_rng(frames).normal(size=(frames, 1, 6)).astype(np.float32)


def test_chunks_equal_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, x = compiled([TensorType(f32, [1, 6])], network), inputs(23)
    whole = plan.run({0: x})
    for size in (1, 100, 200, 1000):
        monkeypatch.setattr(executor, "CHUNK_BYTES", size)
        for a, b in zip(plan.run({0: x}), whole, strict=True):
            assert a.dtype == b.dtype
            assert np.array_equal(a, b)
    for frame in range(23):
        for a, b in zip(plan.run({0: x[frame]}), whole, strict=True):
            assert np.array_equal(a[0], b[frame])


def test_nothing_is_overwritten_that_is_needed() -> None:
    """Results do not change in a second run, nor the inputs; a trace shows the same codes as the end."""
    plan, x = compiled([TensorType(f32, [1, 6])], network), inputs(9)
    before = x.copy()
    first = plan.run({0: x})
    kept = [result.copy() for result in first]
    plan.run({0: inputs(9) * 3})
    assert all(np.array_equal(a, b) for a, b in zip(first, kept, strict=True))
    assert np.array_equal(x, before)
    assert not any(np.shares_memory(result, x) for result in first)
    assert np.array_equal(first[2], x * np.float32(2) - np.float32(1))  # used by q.quantize after it is made


def test_identity_returns_a_copy() -> None:
    plan, x = compiled([TensorType(f32, [1, 6])], lambda x: [x, ReshapeOp(x, [6]).result]), inputs(2)
    for result in plan.run({0: x}):
        assert np.array_equal(result.reshape(x.shape), x)
        assert not np.shares_memory(result, x)


def test_overwriting_spares_views() -> None:
    """%v is a view of %s; adding to one must not change the other."""

    def build(x: SSAValue) -> list[SSAValue]:
        s = AddOp(x, constant(np.float32(1), f32)).result
        v = ReshapeOp(s, [3, 2]).result
        t = MulOp(s, constant(np.float32(10), f32)).result  # last use of s, not of its memory
        return [AddOp(v, constant(np.float32(100), f32)).result, t]

    x = inputs(4)
    a, b = compiled([TensorType(f32, [1, 6])], build).run({0: x})
    assert np.array_equal(b, (x + np.float32(1)) * np.float32(10))
    assert np.array_equal(a, (x + np.float32(1)).reshape(4, 3, 2) + np.float32(100))


def test_arrays_die_at_their_last_use() -> None:
    """A chain of 30 ops never holds more than two of its arrays."""

    def build(x: SSAValue) -> list[SSAValue]:
        for _ in range(30):
            x = MatMulOp(x, constant(np.eye(50, dtype=np.float32), f32)).result
        return [x]

    plan = compiled([TensorType(f32, [40, 50])], build)
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0
    steps = []
    for step in plan.steps:

        def watched(x: np.ndarray, kernel: object = step.kernel) -> np.ndarray:
            nonlocal most
            result = kernel(x)
            alive.append(weakref.ref(result))
            gc.collect()
            most = max(most, sum(ref() is not None for ref in alive))
            return result

        steps.append(replace(step, kernel=watched))
    Plan(plan.inputs, plan.outputs, tuple(steps), plan.output_slots, plan.num_slots).run({0: np.ones((3, 40, 50))})
    assert len(alive) == 30
    assert most == 2


def test_calls_are_inlined_and_named() -> None:
    tensor = TensorType(INT8, [4])
    callee = function([tensor], lambda x: [AddOp(x, x).result, ReluOp(x).result], "double")
    caller = FuncOp("main", ([tensor], [tensor]))
    with ImplicitBuilder(caller.body) as (x,):
        first = CallOp("double", [x], [op.type for op in callee.get_return_op().operands])
        second = CallOp("double", [x], [op.type for op in callee.get_return_op().operands])
        ReturnOp(AddOp(first.results[0], second.results[1]).result)
    caller.update_function_type()
    names = [ArrayAttr([DictionaryAttr({"q.name": StringAttr(name)})]) for name in ("in", "out")]
    caller.properties["arg_attrs"], caller.properties["res_attrs"] = names
    module = ModuleOp([caller, callee])
    module.verify()
    plan = compile_function(module)
    assert (plan.input_names, plan.output_names) == (["in"], ["out"])
    x = np.arange(-8, 8).reshape(4, 4)
    assert np.array_equal(plan.run({"in": x})[0], 2 * x + np.maximum(x, 0))
    assert np.array_equal(compile_function(module, "double").run({0: x})[1], np.maximum(x, 0))


def test_recursion_and_missing_functions_are_refused() -> None:
    func = FuncOp("main", ([], []))
    with ImplicitBuilder(func.body):
        CallOp("main", [], [])
        ReturnOp()
    with pytest.raises(QoptError, match="@main calls itself"):
        compile_function(ModuleOp([func]))
    with pytest.raises(QoptError, match="there is no function @other") as caught:
        compile_function(ModuleOp([func.clone()]), "other")
    assert caught.value.mend == "the functions are main"
    with pytest.raises(QoptError, match="@main has no body"):
        compile_function(ModuleOp([FuncOp.external("main", [], [])]))


def test_trace_sees_every_op_of_every_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, x = compiled([TensorType(f32, [1, 6])], network), inputs(5)
    seen: dict[object, list[np.ndarray]] = {}

    def trace(op: object, codes: list) -> None:
        seen.setdefault(op, []).append(codes[0])

    whole = plan.run_codes({0: x}, trace)
    assert [op.name for op in seen] == [step.op.name for step in plan.steps]
    by_op = {op: parts[0] for op, parts in seen.items()}
    seen.clear()
    monkeypatch.setattr(executor, "CHUNK_BYTES", 1)
    plan.run({0: x}, trace)
    quantize = next(op for op in by_op if isinstance(op, QuantizeOp))
    assert np.array_equal(np.concatenate(seen[quantize]), by_op[quantize])
    assert by_op[quantize].dtype == np.int64
    last_real = [parts for op, parts in by_op.items() if isinstance(op, MulOp)][-1]
    assert last_real.equals(whole[0]).all()
    seen.clear()
    plan.run({0: x}, trace, traced={quantize})
    assert list(seen) == [quantize]


def test_shapes_that_are_taken() -> None:
    plan = compiled([TensorType(f32, [1, 2, 3])], lambda x: [AddOp(x, x).result])
    for shape, frames in (((1, 2, 3), 1), ((5, 2, 3), 5), ((5, 1, 2, 3), 5), ((0, 1, 2, 3), 0), ((0, 2, 3), 0)):
        assert plan.run({0: np.ones(shape)})[0].shape == (frames, 1, 2, 3)
    plan = compiled([TensorType(f32, [])], lambda x: [AddOp(x, x).result])
    assert plan.run({0: 3})[0].tolist() == [6]
    assert plan.run({0: [1, 2]})[0].tolist() == [2, 4]
    for shape in ((2, 3), (1, 3, 2), (4, 1, 1, 2, 3)):
        with pytest.raises(QoptError, match=r"input 'input0' has shape .*, one frame is \[1, 2, 3\]"):
            compiled([TensorType(f32, [1, 2, 3])], lambda x: [x]).run({0: np.ones(shape)})


def test_inputs_that_are_refused() -> None:
    two = [TensorType(f32, [2]), TensorType(INT8, [2])]
    plan = compiled(two, lambda x, y: [x, y])
    good = {0: np.ones((3, 2)), "input1": np.ones((3, 2))}
    assert len(plan.run(good)) == 2
    faults = {
        "there is no input 'x'": {**good, "x": 1},
        "input 'input1' is missing": {0: good[0]},
        r"the inputs have \[2, 3\] frames": {**good, 0: np.ones((2, 2))},
        "input 'input0' holds complex128": {**good, 0: np.ones((3, 2)) * 1j},
        r"input 'input0' is NaN at \[1\]": {**good, 0: np.array([[1, 2], [1, np.nan], [1, 2]])},
        r"input 'input1' holds values that !q.fixed<8, 0> cannot hold": {**good, "input1": np.full((3, 2), 128)},
        "input 'input1' holds values": {**good, "input1": np.full((3, 2), 0.5)},
        "input 'input1' holds values that": {**good, "input1": np.full((3, 2), np.nan)},
    }
    for message, given in faults.items():
        with pytest.raises(QoptError, match=message) as caught:
            plan.run(given)
        assert caught.value.mend


def test_values_and_codes_of_typed_inputs() -> None:
    def same(type_: object, given: object, **options: object) -> list:
        plan = compiled([TensorType(type_, [2])], lambda x: [x])
        return (plan.run_codes if options else plan.run)({0: given})[0].tolist()

    assert same(FixedType(6, 3), [[0.125, -4.0]]) == [[0.125, -4.0]]
    assert same(FixedType(6, 3), [[3, -4]]) == [[3.0, -4.0]]
    assert same(FixedType(6, 3), [[1, -32]], codes=True) == [[1, -32]]
    assert same(FixedType(4, -2), [[8, -32]]) == [[8, -32]]
    assert same(FixedType(70, 0), [[2**68, -(2**69)]]) == [[2**68, -(2**69)]]
    assert same(BipolarType(), [[1, -1]]) == [[1, -1]]
    assert same(FloatType(2, 1), [[6.0, -0.5]]) == [[6.0, -0.5]]
    assert same(FloatType(2, 1), [[7, 9]], codes=True) == [[7, 9]]
    refused = [
        (FixedType(6, 3), [[0.1, 0]]),
        (FixedType(6, 3), [[4, 0]]),
        (FixedType(4, -2), [[2, 0]]),
        (FixedType(4, -2), [[2.0, 0]]),
        (BipolarType(), [[0, 1]]),
        (FloatType(2, 1), [[5.0, 0]]),
    ]
    for type_, given in refused:
        with pytest.raises(QoptError, match="cannot hold"):
            same(type_, given)


def test_constant_and_missing_inputs() -> None:
    plan = compiled([TensorType(f32, [1])], lambda x: [constant([3, 4], INT8), x])
    assert plan.run({0: [[1], [2]]})[0].tolist() == [[3, 4], [3, 4]]
    assert compiled([], lambda: [constant([3, 4], INT8)]).run({})[0].tolist() == [[3, 4]]


def test_a_false_range_is_found() -> None:
    """The op promises codes up to 10; the reference believes it only as far as it sees it."""
    plan = compiled(
        [TensorType(INT8, [2])], lambda x: [AddOp(x, x, TensorType(FixedType(5, 0), [2]), RangeAttr(-10, 10)).result]
    )
    assert plan.run({0: [[5, -5]]})[0].tolist() == [[10, -10]]
    with pytest.raises(QoptError, match=r"q.add gives the code 12, outside its range -10 to 10"):
        plan.run({0: [[6, 0]]})


def test_the_output_of_arg_max_is_an_integer() -> None:
    plan = compiled([TensorType(f32, [1, 4])], lambda x: [ArgMaxOp(x, 1).result])
    result = plan.run({0: np.float32([[[1, 5, 5, 2]]])})[0]
    assert (result.dtype, result.tolist()) == (np.int64, [[1]])


def test_ops_without_meaning_are_refused() -> None:
    from xdsl.dialects.test import TestOp

    plan_of = function([TensorType(f32, [1])], lambda x: [TestOp([x], [x.type]).results[0]])
    with pytest.raises(QoptError, match=r"the reference cannot execute test\.op"):
        compile_function(ModuleOp([plan_of]))


def test_frames_do_not_mix_over_all_roundings() -> None:
    for rounding in Rounding:
        plan = compiled([TensorType(FixedType(12, 4), [2])], lambda x, r=rounding: [QuantizeOp(x, INT8, r).result])
        codes = np.arange(-40, 40).reshape(40, 2)
        whole = plan.run_codes({0: codes})[0]
        assert np.array_equal(whole, np.concatenate([plan.run_codes({0: row})[0] for row in codes]))


def test_values_at_the_ends_of_an_input() -> None:
    """No float type may round an input's ends: 2^(n-1) does not fit n bits, nor do infinities, NaN and halves."""
    for bits, number in ((8, np.float32), (32, np.float32), (32, np.float64), (64, np.float64)):
        plan = compiled([TensorType(FixedType(bits, 3), [1])], lambda x: [x])
        top = 2.0 ** (bits - 4)
        assert plan.run({0: np.array([[-top], [-0.0], [0.125]], dtype=number)})[0].reshape(-1).tolist() == [
            -top,
            0,
            0.125,
        ]
        for wrong in (top, np.inf, -np.inf, np.nan, 0.0625):
            with pytest.raises(QoptError, match="cannot hold"):
                plan.run({0: np.array([[0], [wrong]], dtype=number)})
