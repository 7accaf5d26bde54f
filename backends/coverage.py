# SPDX-License-Identifier: Apache-2.0
"""`qopt -t coverage`: how far a model gets, and everything that stands in the way of the next step.

| step     | yes means                                                                                      |
|----------|------------------------------------------------------------------------------------------------|
| import   | the file is read; every op has a meaning                                                       |
| executes | the reference runs @main on one frame, of random numbers or of `inputs`                        |
| typed    | all matrix products and convolutions work on exact integers                                    |
| dataflow | all between the first and the last of these has hardware units, joined to one chain            |
| Verilog  | the units are written as Verilog, and the host's part is described                             |

A step that was not tried says why. Faults are collected, never raised: the table is the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from textwrap import wrap
from typing import IO, Literal

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue
from xdsl.utils.target import Target

from ..passes.causes import explained
from ..passes.hardware_division import obstacles
from ..passes.hardware_support import LINEAR, number_refusal
from ..passes.pipelines import to_dataflow, to_typed
from ..passes.refusals import Reason, grouped
from ..passes.runner import parse_passes, run_passes
from ..qdialect.attrs import Array
from ..qdialect.dataflow import FifoOp, UnitOp, WidthConverterOp, stream_type
from ..qdialect.errors import user_error
from ..qdialect.formats import BipolarFormat
from ..qdialect.q import ConstantOp
from ..qdialect.reference.boundary import argument_names
from ..qdialect.types import element_type, integer_format, is_integer_type, shape_of
from .arrays import load_arrays
from .build import level_of
from .execute import run_module
from .interface import describe, function
from .verilog import verilog_files

Verdict = Literal["yes", "no", "not tried"]

STEPS = ("import", "executes", "typed", "dataflow", "Verilog")
MAX_CONSTANT_BITS = 1 << 24  # weights, thresholds of a network whose Verilog is written
MAX_ELEMENTS = 1 << 21  # that pass the streams of a network in a frame whose Verilog is written
CLOCK = 200e6  # hertz
RANDOM_SEED = 1
RANDOM_LIMIT = 1 << 15  # size of random codes at most
LINE = 110  # characters


@dataclass(frozen=True)
class Step:
    """What became of one step; `reasons` has one entry for each cause of a `no`."""

    name: str
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()


class _NotTried(Exception):
    """Why a step is left out."""


def coverage(context: Context, module: ModuleOp, inputs: dict[str, Array] | None = None) -> Iterator[Step]:
    """The steps of a module of any level, one after the other; `module` itself is not changed.

    Args:
        inputs: arrays by input name ('' for the one input), of which one frame is run; default: random numbers.
    """
    yield Step("import", "yes")
    yield _step("executes", lambda: _execute(module, inputs))
    module = module.clone()
    yield (typed := typed_step(context, module))
    yield (dataflow := dataflow_step(context, module, typed))
    yield verilog_step(context, module, dataflow)


def refused_import(fault: Exception) -> list[Step]:
    """The steps of a model that cannot be read."""
    rest = [Step(name, "not tried", (Reason("it is not imported"),)) for name in STEPS[1:]]
    return [Step("import", "no", (_reason(fault),)), *rest]


def coverage_text(steps: list[Step]) -> str:
    """The steps as a table for people, each reason in lines of its own."""
    lines = list[str]()
    for step in steps:
        first = f"{step.name:<9} {step.verdict}"
        indent = " " * 20
        parts = [wrap(str(reason), LINE, subsequent_indent="  ") for reason in step.reasons]
        reasons = [line for part in parts for line in part]
        lines += [f"{first:<20}{reasons[0]}" if reasons else first, *(indent + line for line in reasons[1:])]
    return "\n".join(lines) + "\n"


def _step(name: str, attempt: Callable[[], list[Reason]]) -> Step:
    """Try a step; whatever is raised becomes its reason."""
    try:
        reasons = attempt()
    except _NotTried as reason:
        return Step(name, "not tried", (Reason(str(reason)),))
    except Exception as fault:
        reasons = [_reason(fault)]
    return Step(name, "no" if reasons else "yes", tuple(reasons))


def _reason(fault: Exception) -> Reason:
    """An error as a reason; a fault of the program is called one."""
    error = user_error(fault)
    if error is None:
        return Reason(f"{type(fault).__name__}: {fault}", "a fault of qopt: please report it with the model")
    place = (error.where or "").partition("\n")[0]  # without the line of text that is shown behind it
    return Reason(error.what, error.mend or "", (place,) if place else ())


# --- the steps, each giving its obstacles ------------------------------------------------------------------------


def _execute(module: ModuleOp, inputs: dict[str, Array] | None) -> list[Reason]:
    main = function(module, "main")
    given = random_inputs(main) if inputs is None else {name: array[:1] for name, array in inputs.items()}
    run_module(module, given)
    return []


def random_inputs(main: FuncOp) -> dict[str, Array]:
    """One seeded frame for each input of `main`: normal numbers, or codes as its type has them."""
    generator = np.random.default_rng(RANDOM_SEED)
    frames = dict[str, Array]()
    for name, argument in zip(argument_names(main), main.args, strict=True):
        shape, type_ = (1, *shape_of(argument)), element_type(argument)
        if not is_integer_type(type_):
            frames[name] = generator.normal(size=shape).astype(np.float32)
            continue
        format_ = integer_format(type_)
        if isinstance(format_, BipolarFormat):
            frames[name] = generator.choice(np.array([-1, 1]), shape)
            continue
        low, high = max(format_.code_range.lo, -RANDOM_LIMIT), min(format_.code_range.hi, RANDOM_LIMIT)
        frames[name] = generator.integers(low, high, shape, endpoint=True)
    return frames


def typed_step(context: Context, module: ModuleOp) -> Step:
    """Bring `module` to the typed level, in place."""
    return _step("typed", lambda: _lower_to_typed(context, module))


def dataflow_step(context: Context, module: ModuleOp, typed: Step) -> Step:
    """Bring `module`, which `typed` is about, to the dataflow level, in place."""
    return _step("dataflow", lambda: _lower_to_dataflow(context, module, typed))


def verilog_step(context: Context, module: ModuleOp, dataflow: Step, max_elements: int = MAX_ELEMENTS) -> Step:
    """Fold `module`, which `dataflow` is about, in place, and try its Verilog; not of more elements than that."""
    return _step("Verilog", lambda: _write_verilog(context, module, dataflow, max_elements))


def _lower_to_typed(context: Context, module: ModuleOp) -> list[Reason]:
    if level_of(module) != "graph":
        return []
    passes = parse_passes(to_typed())
    run_passes(context, module, [pass_ for pass_ in passes if pass_.name != "q-partition"])
    main = function(module, "main")
    ops = list(main.body.block.ops)
    layers = [op for op in ops if op.name in LINEAR]
    if not layers and not any(is_integer_type(element_type(value)) for op in ops for value in op.operands):
        return [Reason("nothing in @main works on integers", "quantise weights and activations before export")]
    return grouped(explained(why for op in layers if (why := number_refusal(op)) is not None))


def _lower_to_dataflow(context: Context, module: ModuleOp, typed: Step) -> list[Reason]:
    if typed.verdict != "yes":
        reasons = [reason for reason in grouped(obstacles(function(module, "main"))) if reason not in typed.reasons]
        if not reasons:
            raise _NotTried("it is not typed")
        return reasons
    level = level_of(module)
    if level == "graph" and (reasons := grouped(obstacles(function(module, "main")))):
        return reasons
    if level != "dataflow":
        run_passes(context, module, parse_passes("q-partition,q-convert-to-dataflow"))
    return []


def _bits(value: SSAValue) -> int:
    type_ = element_type(value)
    return prod(shape_of(value)) * integer_format(type_).word_length if is_integer_type(type_) else 0


def _fold(context: Context, module: ModuleOp, max_elements: int) -> None:
    """Foldings, converters and FIFOs of units that have none yet."""
    units = [op for op in module.walk() if isinstance(op, UnitOp)]
    if any(isinstance(unit, FifoOp | WidthConverterOp) for unit in units):
        return
    elements = sum(stream_type(value).elements for unit in units for value in unit.streams_out)
    if elements > max_elements:
        raise _NotTried(f"{elements} elements a frame pass its streams, more than {max_elements}; `qopt build` tries")
    _, *rest = to_dataflow(CLOCK).split(",", 1)
    run_passes(context, module, parse_passes(",".join(rest)))


def _write_verilog(context: Context, module: ModuleOp, dataflow: Step, max_elements: int) -> list[Reason]:
    if dataflow.verdict != "yes":
        raise _NotTried("it has no dataflow level")
    bits = sum(_bits(op.result) for op in module.walk() if isinstance(op, ConstantOp))
    if bits > MAX_CONSTANT_BITS:
        raise _NotTried(f"its constants have {bits} bits, more than {MAX_CONSTANT_BITS}; `qopt build` tries")
    _fold(context, module, max_elements)
    describe(module, "network", "top")
    verilog_files(module, "top")
    return []


@dataclass(frozen=True)
class CoverageTarget(Target):
    """How far the model gets - executes, typed, dataflow, Verilog - and all that stands in the way."""

    name = "coverage"
    inputs: str | None = None  # .npy or .npz: run its first frame instead of random numbers

    @staticmethod
    def refused(fault: Exception) -> str:
        """The table of a model that cannot be read; `qopt` prints it and ends with 1."""
        return coverage_text(refused_import(fault))

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        inputs = None if self.inputs is None else load_arrays(self.inputs, 1)
        output.write(coverage_text(list(coverage(ctx, module, inputs))))
