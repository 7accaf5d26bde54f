# SPDX-License-Identifier: Apache-2.0
"""`interface.json` of a build: the hardware's streams, and what the host does before and after (see host.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import BlockArgument, Operation, SSAValue

from ..qdialect.attrs import Array
from ..qdialect.dataflow import HARDWARE, FromStreamOp, StreamType, ToStreamOp
from ..qdialect.errors import QoptError
from ..qdialect.formats import BipolarFormat
from ..qdialect.q import (
    AddOp,
    ArgMaxOp,
    BinaryOp,
    ClipOp,
    ConcatOp,
    DivOp,
    ExpOp,
    GatherOp,
    LogOp,
    MaxOp,
    MaxPoolOp,
    MinOp,
    MulOp,
    PReluOp,
    QuantizeOp,
    ReduceMaxOp,
    ReduceSumOp,
    ReluOp,
    ReshapeOp,
    SigmoidOp,
    SliceOp,
    SoftmaxOp,
    SubOp,
    TableOp,
    TanhOp,
    ThresholdOp,
    TransposeOp,
)
from ..qdialect.q.inference import constant_of, narrow_range
from ..qdialect.reference.boundary import argument_names, result_names
from ..qdialect.reference.user_inputs import input_scale
from ..qdialect.types import element_type, integer_format, is_f32, is_integer_type, shape_of
from . import host

CLOCK, RESET, INPUT_PORT, OUTPUT_PORT = "aclk", "aresetn", "s_axis", "m_axis"

MAX_STEPS = 400  # of the host for one output

Step = dict[str, Any]


def function(module: ModuleOp, name: str) -> FuncOp:
    """The function `name`; QoptError if there is none, or it has no body."""
    for op in module.ops:
        if isinstance(op, FuncOp) and op.sym_name.data == name:
            if op.is_declaration:
                raise QoptError(f"the function @{name} has no body", mend="give it a body in braces")
            return op
    mend = "name the network's function @main" if name == "main" else "run the pipeline q-to-dataflow first"
    raise QoptError(f"the module has no function @{name}", mend=mend)


def describe(module: ModuleOp, name: str, top: str) -> dict[str, Any]:
    """The contents of interface.json for a dataflow-level module. QoptError if the host part cannot be described."""
    main = function(module, "main")
    sends = [op for op in main.walk() if isinstance(op, ToStreamOp)]
    receives = [op for op in main.walk() if isinstance(op, FromStreamOp)]
    _check_ends(len(sends), len(receives), main)
    hardware = function(module, HARDWARE)
    port = _port(INPUT_PORT, argument_names(main)[0], sends[0].result, sends[0].input)
    port["model_shape"] = list(shape_of(main.args[0]))
    if is_integer_type(element_type(main.args[0])):
        scale, offset = input_scale(main, 0)
        port |= {"scale": float(scale), "offset": float(offset)}
    return {
        "version": host.VERSION,
        "name": name,
        "top": top,
        "clock": CLOCK,
        "reset": RESET,
        "input": port,
        "output": _port(OUTPUT_PORT, result_names(hardware)[0], receives[0].input, receives[0].result),
        "host_before": host_steps(function(module, "host_before")) if has_function(module, "host_before") else [],
        "host_after": _results(module, main, receives[0].result),
    }


def check_host(module: ModuleOp) -> None:
    """QoptError if `describe` will refuse what the host does around @hardware of the typed level."""
    main = function(module, "main")
    calls = [op for op in main.walk() if isinstance(op, CallOp) and op.callee.string_value() == HARDWARE]
    if len(calls) != 1:  # q-convert-to-dataflow says more
        return
    _check_ends(len(calls[0].arguments), len(calls[0].results), main)
    if has_function(module, "host_before"):
        host_steps(function(module, "host_before"))
    _results(module, main, calls[0].results[0])


def _check_ends(inputs: int, outputs: int, main: FuncOp) -> None:
    if (inputs, outputs, len(main.args)) != (1, 1, 1):
        raise QoptError(
            f"the hardware has {inputs} inputs and {outputs} outputs, the model has {len(main.args)} inputs; "
            "one of each is supported",
            mend="cut the model so that it has one input",
        )


def _results(module: ModuleOp, main: FuncOp, received: SSAValue) -> list[dict[str, Any]]:
    """How each output of the model follows from the codes that are received."""
    names, returned = result_names(main), main.body.block.last_op
    assert isinstance(returned, ReturnOp)
    results = list[dict[str, Any]]()
    for number, (name, value) in enumerate(zip(names, returned.operands, strict=True)):
        source, steps = value, list[Step]()
        if has_function(module, "host_after") and isinstance(value.owner, CallOp):
            after = function(module, "host_after")
            source = value.owner.arguments[_source(after, number).index]
            steps = host_steps(after, number)
        if source is not received:
            mend = "leave the output away, or compute it behind the last layer"
            raise QoptError(f"output '{name}' does not come from the hardware", main, mend)
        results.append({"name": name, "model_shape": list(shape_of(value)), "steps": steps})
    return results


def has_function(module: ModuleOp, name: str) -> bool:
    """Whether the module has a function of this name."""
    return any(isinstance(op, FuncOp) and op.sym_name.data == name for op in module.ops)


def _port(prefix: str, name: str, stream: SSAValue, tensor: SSAValue) -> dict[str, Any]:
    assert isinstance(stream.type, StreamType)
    format_ = integer_format(stream.type.element_type)
    bipolar = isinstance(format_, BipolarFormat)
    return {
        "name": name,
        "port": prefix,
        "format": str(stream.type.element_type),
        "word_length": format_.word_length,
        "fraction_bits": format_.fraction_bits,
        "signed": format_.signed,
        "bipolar": bipolar,
        "lanes": stream.type.lanes,
        "beats": stream.type.beats,
        "lane_bytes": (format_.word_length + 7) // 8,
        "shape": list(shape_of(tensor)),
    }


def _source(func: FuncOp, number: int) -> BlockArgument:
    """The argument that result `number` of a host function follows from."""
    returned = func.body.block.last_op
    assert isinstance(returned, ReturnOp)
    todo, seen = [returned.operands[number]], set[SSAValue]()
    while todo:
        value = todo.pop()
        if value not in seen and isinstance(value.owner, Operation):
            todo += _computed(value.owner)
        seen.add(value)
    sources = [value for value in seen if isinstance(value, BlockArgument)]
    if len(sources) != 1:
        what = f"an output follows from {len(sources)} values that the hardware gives or that pass it by"
        maker = returned.operands[number].owner
        mend = "put a quantiser behind what joins them, so that the hardware joins them"
        raise QoptError(what, maker if isinstance(maker, Operation) else func, mend)
    return sources[0]


def _computed(op: Operation) -> list[SSAValue]:
    return [operand for operand in op.operands if constant_of(operand) is None]


def host_steps(func: FuncOp, number: int = 0) -> list[Step]:
    """The steps to result `number` of a host function, all from the one value that it follows from."""
    _source(func, number)
    returned = func.body.block.last_op
    assert isinstance(returned, ReturnOp)
    value = returned.operands[number]
    if _num_ops(func, value) > MAX_STEPS:
        what = f"result {number} of @{func.sym_name.data} takes more than {MAX_STEPS} steps on the host"
        raise QoptError(what, func, "end the model behind the last quantised layer")
    steps, holds_codes = _steps_to(value)
    if holds_codes and func.sym_name.data == "host_after" and integer_format(element_type(value)).fraction_bits:
        steps += _dequantize(value)
    return steps


def _num_ops(func: FuncOp, value: SSAValue) -> int:
    """How many ops the steps to a value have; what several others take counts as often as it is taken."""
    counts: dict[SSAValue, int] = dict.fromkeys(func.body.block.args, 0)
    for op in func.body.block.ops:
        counts |= dict.fromkeys(op.results, 1 + sum(counts[operand] for operand in _computed(op)))
    return counts[value]


def _steps_to(value: SSAValue) -> tuple[list[Step], bool]:
    """The steps to a value, and whether they make codes of it, not numbers."""
    op = value.owner
    if not isinstance(op, Operation):
        return [], is_integer_type(element_type(value))
    if len(op.results) != 1 or type(op) not in _STEPS:
        known = ", ".join(sorted(class_.name for class_ in _STEPS))
        raise QoptError(f"{op.name} has no place on the host side of a build", op, f"the host can do {known}")
    first, *others = _computed(op)
    steps, holds_codes = _steps_to(first)
    if holds_codes and not isinstance(op, ReshapeOp | TransposeOp | SliceOp | GatherOp | ReduceMaxOp | ArgMaxOp):
        steps += _dequantize(first)
        holds_codes = False
    new = _STEPS[type(op)](op)
    if others:
        new[-1] = new[-1] | {"others": [_steps_to_number(other) for other in others]}
    if isinstance(op, QuantizeOp | ThresholdOp | TableOp | ArgMaxOp):
        holds_codes = is_integer_type(element_type(value))
    return steps + new, holds_codes


def _steps_to_number(value: SSAValue) -> list[Step]:
    steps, holds_codes = _steps_to(value)
    return steps + _dequantize(value) if holds_codes else steps


def _dequantize(value: SSAValue) -> list[Step]:
    return [{"op": "dequantize", "fraction_bits": integer_format(element_type(value)).fraction_bits}]


def _arithmetic(name: str, swapped: Callable[[Array], list[Step]] | None = None) -> Callable[[Operation], list[Step]]:
    def steps(op: Operation) -> list[Step]:
        assert isinstance(op, BinaryOp)
        dtype = _dtype(op)
        if len(_computed(op)) == 2:
            return [{"op": name, "dtype": dtype}]
        constant = constant_of(op.rhs)
        if constant is not None:
            return [{"op": name, "constant": _numbers(constant.array, op.rhs), "dtype": dtype}]
        constant = constant_of(op.lhs)
        if constant is None or swapped is None:
            mend = "end the model in front of it"
            raise QoptError(f"{op.name} by a computed value has no place on the host side of a build", op, mend)
        return [{**step, "dtype": dtype} for step in swapped(np.asarray(_numbers(constant.array, op.lhs)))]

    return steps


def _dtype(op: Operation) -> str:
    return "float32" if is_f32(element_type(op.results[0])) else "float64"


def _with_constants(name: str, *names: str) -> Callable[[Operation], list[Step]]:
    """A step with the constants behind the first operand under `names`."""

    def steps(op: Operation) -> list[Step]:
        step: Step = {"op": name, "dtype": _dtype(op)}
        for key, operand in zip(names, op.operands[1:], strict=True):
            constant = constant_of(operand)
            if constant is None:
                mend = "end the model in front of it"
                raise QoptError(f"{op.name} by a computed value has no place on the host side of a build", op, mend)
            step[key] = _numbers(constant.array, operand)
        return [step]

    return steps


def _numbers(array: Array, value: SSAValue) -> Any:
    """Constants as JSON numbers: codes as values, fractions as the nearest float64 (exact where it can be)."""
    if is_integer_type(element_type(value)):
        array = np.ldexp(array.astype(np.float64), -integer_format(element_type(value)).fraction_bits)
    return array.astype(np.float64).tolist()


def _quantize(op: Operation) -> list[Step]:
    assert isinstance(op, QuantizeOp)
    target = element_type(op.result)
    if is_f32(target):
        return [{"op": "cast", "dtype": "float32"}]
    if not is_integer_type(target):
        raise QoptError(f"q.quantize to {target} has no place on the host side of a build", op)
    format_ = integer_format(target)
    codes = narrow_range(target) if op.narrow else format_.code_range
    step = {"op": "quantize", "rounding": op.rounding.value, "overflow": op.overflow.value, "lo": codes.lo}
    bipolar = isinstance(format_, BipolarFormat)
    return [{**step, "hi": codes.hi, "fraction_bits": format_.fraction_bits, "bipolar": bipolar}]


def _threshold(op: Operation) -> list[Step]:
    assert isinstance(op, ThresholdOp)
    thresholds = constant_of(op.thresholds)
    assert thresholds is not None, "the verifier asks for constant thresholds"
    flags = None if op.descending is None else constant_of(op.descending)
    step: Step = {"op": "threshold", "thresholds": _numbers(thresholds.array, op.thresholds), "base": op.base}
    step["descending"] = [0] if flags is None else flags.array.astype(int).tolist()
    bipolar = isinstance(integer_format(element_type(op.result)), BipolarFormat)
    return [{**step, "bipolar": bipolar, "axis": op.axis}]


def _table(op: Operation) -> list[Step]:
    assert isinstance(op, TableOp)
    bits = integer_format(element_type(op.input)).fraction_bits
    entries = op.entries.astype(object).tolist()
    return [{"op": "table", "entries": entries, "base": op.base, "fraction_bits": bits, "axis": op.axis}]


def _reshape(op: Operation) -> list[Step]:
    return [{"op": "reshape", "shape": list(shape_of(op.results[0]))}]


def _transpose(op: Operation) -> list[Step]:
    assert isinstance(op, TransposeOp)
    return [{"op": "transpose", "perm": list(op.permutation)}]


def _slice(op: Operation) -> list[Step]:
    assert isinstance(op, SliceOp)
    return [{"op": "slice", "starts": list(op.starts), "sizes": list(op.sizes), "steps": list(op.steps)}]


def _gather(op: Operation) -> list[Step]:
    assert isinstance(op, GatherOp)
    return [{"op": "gather", "indices": op.indices.tolist(), "axis": op.axis}]


def _reduce(op: Operation) -> list[Step]:
    assert isinstance(op, ReduceMaxOp | ReduceSumOp)
    return [{"op": op.name.removeprefix("q."), "axes": list(op.axes), "keep_dims": op.keep_dims}]


def _max_pool(op: Operation) -> list[Step]:
    assert isinstance(op, MaxPoolOp)
    window = {key: list(numbers) for key, numbers in asdict(op.window).items()}
    return [{"op": "max_pool", "axes": list(op.spatial_axes), **window}]


def _concat(op: Operation) -> list[Step]:
    assert isinstance(op, ConcatOp)
    if len(_computed(op)) < len(op.operands):
        raise QoptError("q.concat with a constant has no place on the host side of a build", op, "leave it out")
    return [{"op": "concat", "axis": op.axis}]


def _softmax(op: Operation) -> list[Step]:
    assert isinstance(op, SoftmaxOp)
    return [{"op": "softmax", "axis": op.axis}]


def _arg_max(op: Operation) -> list[Step]:
    assert isinstance(op, ArgMaxOp)
    return [{"op": "arg_max", "axis": op.axis, "keep_dims": op.keep_dims}]


def _subtract_from(constant: Array) -> list[Step]:
    return [{"op": "mul", "constant": -1.0}, {"op": "add", "constant": constant.tolist()}]


_STEPS: dict[type[Operation], Callable[[Operation], list[Step]]] = {
    AddOp: _arithmetic("add", lambda constant: [{"op": "add", "constant": constant.tolist()}]),
    MulOp: _arithmetic("mul", lambda constant: [{"op": "mul", "constant": constant.tolist()}]),
    SubOp: _arithmetic("sub", _subtract_from),
    DivOp: _arithmetic("div"),
    QuantizeOp: _quantize,
    ThresholdOp: _threshold,
    TableOp: _table,
    ReluOp: lambda op: [{"op": "relu"}],
    SigmoidOp: lambda op: [{"op": "sigmoid"}],
    ReshapeOp: _reshape,
    TransposeOp: _transpose,
    SliceOp: _slice,
    GatherOp: _gather,
    ReduceMaxOp: _reduce,
    ReduceSumOp: _reduce,
    MaxPoolOp: _max_pool,
    ConcatOp: _concat,
    ClipOp: _with_constants("clip", "lo", "hi"),
    PReluOp: _with_constants("prelu", "slope"),
    MaxOp: _arithmetic("max", lambda constant: [{"op": "max", "constant": constant.tolist()}]),
    MinOp: _arithmetic("min", lambda constant: [{"op": "min", "constant": constant.tolist()}]),
    ExpOp: lambda op: [{"op": "exp"}],
    LogOp: lambda op: [{"op": "log"}],
    TanhOp: lambda op: [{"op": "tanh"}],
    SoftmaxOp: _softmax,
    ArgMaxOp: _arg_max,
}
