# SPDX-License-Identifier: Apache-2.0
"""Modules around a few units, and the whole ladder for them: text, meaning, ranges, hardware, timing, cost."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hardware_check import check_hardware
from networks import random_codes, run_passes
from qopt_mlir.backends.hardware import component
from qopt_mlir.passes.range_analysis import analyse
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.cost import predict_timing, total_cost, unit_cost
from qopt_mlir.qdialect.dataflow import FromStreamOp, StreamType, ToStreamOp, hardware_function, stream_type, unit_graph
from qopt_mlir.qdialect.q import ConstantOp
from qopt_mlir.qdialect.reference import compile_function
from qopt_mlir.qdialect.text import module_text, parse_module
from xdsl.builder import ImplicitBuilder
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Attribute, SSAValue


def constant(codes: np.ndarray, type_: Attribute) -> SSAValue:
    return ConstantOp(DenseAttr(codes, TensorType(type_, codes.shape))).result


def module_of(
    element: Attribute, shape: tuple[int, ...], body: Callable[[SSAValue], SSAValue], lanes: int = 1
) -> ModuleOp:
    """@hardware with what `body` makes of its stream of frames of this shape, and @main around it."""
    stream = StreamType(element, lanes, int(np.prod(shape)) // lanes)
    hardware = FuncOp("hardware", ([stream], []), visibility="private")
    with ImplicitBuilder(hardware.body) as (x,):
        ReturnOp(body(x))
    hardware.update_function_type()
    out = stream_type(hardware.function_type.outputs.data[0])
    main = FuncOp("main", ([TensorType(element, shape)], []))
    with ImplicitBuilder(main.body) as (x,):
        call = CallOp("hardware", [ToStreamOp(x, lanes).result], [out])
        ReturnOp(FromStreamOp(call.res[0], TensorType(out.element_type, (out.elements,))).result)
    main.update_function_type()
    module = ModuleOp([main, hardware])
    module.verify()
    return module


def check_ladder(
    module: ModuleOp, expected: Callable[[np.ndarray], np.ndarray], rng: np.random.Generator, *, frames: int = 3
) -> None:
    """The units keep their text, compute what `expected` says of frames, in the cycles and ranges foretold.

    The interval of the whole is that of the busiest unit.
    """
    assert module_text(parse_module(module_text(module), "text")) == module_text(module)
    units = unit_graph(hardware_function(module))
    main = next(op for op in module.body.block.ops if isinstance(op, FuncOp) and op.sym_name.data == "main")
    type_ = main.function_type.inputs.data[0]
    assert isinstance(type_, TensorType)
    x = random_codes(rng, type_.element_type, (frames, *type_.get_shape()))
    wanted = np.stack([expected(frame).reshape(-1) for frame in x])
    found = np.asarray(compile_function(module).run_codes({0: x})[0])
    assert np.array_equal(found, wanted)
    check_range(module, wanted)
    check_hardware(module, x, wanted)
    assert predict_timing(units).timing.initiation_interval == total_cost(units).cycles
    for unit in units:
        assert component(unit).latency == unit_cost(unit).latency


def check_range(module: ModuleOp, outputs: np.ndarray) -> None:
    (returned,) = hardware_function(module).body.block.last_op.operands  # pyright: ignore[reportOptionalMemberAccess]
    proven = analyse(module)[returned]
    assert (proven.lo <= outputs).all()
    assert (outputs <= proven.hi).all()


__all__ = ["check_ladder", "check_range", "constant", "module_of", "run_passes"]
