# SPDX-License-Identifier: Apache-2.0
"""Choose PE, SIMD and lanes of every unit.

Before:
    %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<12, 0>        (1 x 4096 cycles a frame)
    %y = dataflow.threshold %a, %t base -1 -> !q.fixed<2, 0>
After q-set-folding{cycles=256}:
    %a = dataflow.matrix_vector %x, %w pe 2 simd 8 -> !q.fixed<12, 0>        (256 cycles a frame)
    %y = dataflow.threshold %a, %t base -1 lanes 2 -> !q.fixed<2, 0>

A target in cycles a frame (`cycles`, or `fps` and `clock`) gives the folding of least estimated area that reaches
it; a budget (`max-lut`, `max-dsp`, `max-bram18`) the fastest one that fits; both one that reaches the target within the
budget, or an error. Without either, the largest matrix-vector unit gets 64 multipliers (PE * SIMD) and sets the pace.
Windows and matrices take several pixels at once (`pixels`) only where all of a pixel at once is not enough.
Area is look-up tables, plus 100 for each DSP block and 18-kbit memory; converters and FIFOs between units count with
about what they will need, and a budget holds with those that q-insert-fifos really puts there. Where a unit keeps its
weights, lines or entries is chosen as well where that saves area or the budget asks for it, and the unit does not say.

Exact: folding changes when a number is computed, not which.   Needs: q-convert-to-dataflow.   Keeps: locations.
Leaves: nothing; what was folded before is folded anew, and converters and FIFOs for the old folding go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NoReturn

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ..qdialect.cost import UnitCost, total_cost, unit_cost
from ..qdialect.dataflow import (
    FoldableOp,
    MatrixVectorOp,
    Memory,
    MemoryAttr,
    Source,
    UnitOp,
    hardware_function,
    sources,
    stream_type,
    unit_graph,
)
from ..qdialect.errors import QoptError, node_name
from .folding_search import Budget, Choice, Feed, FoldableUnit, Folding, cheapest, fastest, within
from .hardware_calls import update_signature
from .insert_fifos import InsertFifosPass
from .insert_width_converters import InsertWidthConvertersPass
from .rewriting import at

DEFAULT_MULTIPLIERS = 64  # PE * SIMD of the largest matrix-vector unit where nothing is asked for
TRIALS = 4  # foldings whose FIFOs are put in to see whether the budget holds


def search_units(units: list[UnitOp], target: int | None = None) -> list[FoldableUnit]:
    """What the search needs of each foldable unit of a graph; the converters and FIFOs that are there do not count.

    Units that take more than `target` cycles a frame however they fold a pixel may take several pixels at once.
    """
    made: dict[Source, int] = {Source(-1): -1}  # number of the foldable unit that a stream comes from
    found: list[FoldableUnit] = []
    for index, (unit, taken) in enumerate(zip(units, sources(units), strict=True)):
        number = len(found) if isinstance(unit, FoldableOp) else made[taken[0]]
        made |= {Source(index, output): number for output in range(len(unit.results))}
        if not isinstance(unit, FoldableOp):
            continue
        types = [stream_type(stream) for stream in unit.streams_in]
        found.append(
            FoldableUnit(
                name=f"{unit.name} '{node_name(unit) or unit.results[0].name_hint or number}'",
                options=_options(unit, target),
                feeds=tuple(
                    Feed(made[source], type_.elements, type_.format.word_length)
                    for source, type_ in zip(taken, types, strict=True)
                ),
                follows_input=unit.follows_input,
                burst=unit.columns if isinstance(unit, MatrixVectorOp) else 0,
            )
        )
    return found


def _options(unit: FoldableOp, target: int | None) -> dict[Folding, UnitCost]:
    """Cost of every folding, and with each kind of memory that may be better for something."""
    found = {Folding(*folding): unit_cost(unit, folding) for folding in unit.foldings()}
    if target is not None and min(cost.cycles for cost in found.values()) > target:
        found |= {Folding(*folding): unit_cost(unit, folding) for folding in unit.pixel_foldings()}
    if not _may_choose_memory(unit):
        return found
    for memory in Memory:
        other = unit.clone()
        other.properties["memory"] = MemoryAttr(memory)
        for plain, cost in list(found.items()):
            if plain.memory is None:
                changed = unit_cost(other, plain[:2])
                if changed.lut < cost.lut or changed.bram18 < cost.bram18:
                    found[plain._replace(memory=memory)] = changed
        other.erase()
    return found


def _may_choose_memory(unit: FoldableOp) -> bool:
    """True if the unit keeps numbers in a memory and does not say in which."""
    return "memory" in type(unit).get_irdl_definition().properties and "memory" not in unit.properties


def default_cycles(units: list[FoldableOp]) -> int:
    """Cycles a frame of the largest matrix-vector unit with `DEFAULT_MULTIPLIERS`; without one, a frame's elements."""
    work = [unit.rows * unit.columns * unit.vectors for unit in units if isinstance(unit, MatrixVectorOp)]
    if not work:
        return max(unit.input_type.elements for unit in units)
    return -(-max(work) // DEFAULT_MULTIPLIERS)


def fold_graph(module: ModuleOp, function: FuncOp, foldings: dict[FoldableOp, Folding]) -> None:
    """Rebuild the units with their foldings; other units (converters, FIFOs) go."""
    block, units = function.body.block, unit_graph(function)
    end, argument = block.last_op, block.args[0]
    assert isinstance(end, ReturnOp)
    first = next(foldings[unit] for unit in units if isinstance(unit, FoldableOp))
    new_type = stream_type(argument).with_lanes(first.taken)
    argument = Rewriter.replace_value_with_new_type(argument, new_type)
    streams: dict[SSAValue, SSAValue] = {argument: argument}
    for unit in units:
        inputs = [streams[stream] for stream in unit.streams_in]
        if not isinstance(unit, FoldableOp):
            streams[unit.results[0]] = inputs[0]
            continue
        new = at(unit.folded(inputs, foldings[unit][:2]), unit)
        new.attributes.update(unit.attributes)
        if (memory := foldings[unit].memory) is not None:
            new.properties["memory"] = MemoryAttr(memory)
        block.insert_op_before(new, unit)
        for before, after in zip(unit.results, new.results, strict=True):
            after.name_hint = before.name_hint
            streams[before] = after
    end.operands[0] = streams[end.operands[0]]
    for unit in reversed(units):
        unit.detach()
        unit.erase()
    update_signature(module, function)


@dataclass(frozen=True)
class SetFoldingPass(ModulePass):
    """Choose PE, SIMD and lanes of every unit."""

    name = "q-set-folding"
    exact: ClassVar[bool] = True

    fps: float | int | None = None  # frames a second to reach at `clock`
    clock: float | int = 200_000_000  # hertz
    cycles: int | None = None  # cycles a frame to reach, instead of fps
    max_lut: int | None = None  # look-up tables (estimated) to stay within
    max_dsp: int | None = None  # DSP blocks (estimated)
    max_bram18: int | None = None  # 18-kbit memories (estimated)

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = hardware_function(op)
        units = [unit for unit in unit_graph(function) if isinstance(unit, FoldableOp)]
        if units:
            choice = self._affordable(ctx, op, units)
            fold_graph(op, function, dict(zip(units, choice.foldings, strict=True)))

    def _affordable(self, ctx: Context, module: ModuleOp, units: list[FoldableOp]) -> Choice:
        """A choice that stays within the budget with the converters and FIFOs that it really gets."""
        function = hardware_function(module)
        asked = budget = Budget(self.max_lut, self.max_dsp, self.max_bram18)
        choice = self._choose(function, units, asked)
        if not asked.limits:
            return choice
        for _ in range(TRIALS):
            placed = _placed_cost(ctx, module, choice)
            over = {name: getattr(placed, name) - asked.limits[name] for name in asked.exceeded(placed)}
            if not over:
                return choice
            budget = budget.less(over)
            try:
                choice = self._choose(function, units, budget)
            except QoptError:
                break
        target = self._target()
        choice = _smallest(search_units(unit_graph(function), target), target, asked)
        placed = _placed_cost(ctx, module, choice)
        if not asked.exceeded(placed):
            return choice
        name, needed, limit = asked.most_exceeded(placed)
        raise QoptError(
            f"with the FIFOs between its units the network needs {needed} {Budget.names[name]}, the budget is {limit}",
            function,
            f"allow {_option('max_' + name)}={needed}, or ask for fewer frames a second",
        )

    def _choose(self, function: FuncOp, units: list[FoldableOp], budget: Budget) -> Choice:
        target = self._target()
        search = search_units(unit_graph(function), target)
        if target is None and budget.limits:
            return self._fastest(function, search, budget)
        if target is None:
            target = max(default_cycles(units), *(unit.least_cycles for unit in search), 1)
        self._check_reachable(units, search, target)
        choice = within(search, target, budget)
        return choice or self._refuse_budget(function, search, target, budget)

    def _check_reachable(self, units: list[FoldableOp], search: list[FoldableUnit], target: int) -> None:
        """QoptError if a unit is too slow for the target however it is folded."""
        slowest = max(range(len(search)), key=lambda index: search[index].least_cycles)
        least = search[slowest].least_cycles
        if least > target:
            options = search[slowest].options
            widest = min(options, key=lambda folding: (options[folding].cycles, -folding.taken, -folding.made))
            raise QoptError(
                f"{search[slowest].name} needs at least {least} cycles a frame, with {widest.taken} lanes in and "
                f"{widest.made} out; the target is {target}",
                units[slowest],
                f"ask for at most {self._rate(least)}" + ("" if self.fps is None else ", or a faster clock"),
            )

    def _target(self) -> int | None:
        """Cycles a frame that are asked for."""
        limits = {name: getattr(self, name) for name in ("fps", "clock", "cycles", "max_lut", "max_dsp", "max_bram18")}
        for name, value in limits.items():
            if value is not None and (value < 0 or (value == 0 and name not in ("max_dsp", "max_bram18"))):
                raise QoptError(f"q-set-folding has {_option(name)}={value}", None, "give a positive number")
        if self.fps is None:
            return self.cycles
        if self.cycles is not None:
            raise QoptError("q-set-folding has both fps and cycles", None, "give one of them")
        if self.fps > self.clock:
            mend = f"ask for at most {self._rate(1)}, or a faster clock"
            raise QoptError(f"{self.fps:.12g} frames a second need more than one frame a cycle", None, mend)
        return int(self.clock // self.fps)

    def _fastest(self, function: FuncOp, search: list[FoldableUnit], budget: Budget) -> Choice:
        choice = fastest(search, budget)
        if choice is not None:
            whole = max(unit.least_cycles for unit in search)
            return choice if choice.cost.cycles > whole else self._faster(function, whole - 1, budget) or choice
        name, needed, limit = budget.most_exceeded(_smallest(search, None, budget).cost)
        raise QoptError(
            f"the smallest folding needs about {needed} {Budget.names[name]}, the budget is {limit}",
            function,
            f"allow {_option('max_' + name)}={needed}, or reduce word lengths or layers of the network",
        )

    def _faster(self, function: FuncOp, target: int, budget: Budget) -> Choice | None:
        """The fastest folding with several pixels at once, where a pixel cannot be folded faster within `target`."""
        search = search_units(unit_graph(function), target)
        if max(unit.least_cycles for unit in search) > target:
            return None
        return fastest(search_units(unit_graph(function), 0), budget)

    def _refuse_budget(self, function: FuncOp, search: list[FoldableUnit], target: int, budget: Budget) -> NoReturn:
        choice = _smallest(search, target, budget)
        name, needed, limit = budget.most_exceeded(choice.cost)
        costs = [unit.options[folding] for unit, folding in zip(search, choice.foldings, strict=True)]
        largest, unit = max((getattr(cost, name), unit.name) for cost, unit in zip(costs, search, strict=True))
        slower = fastest(search, budget)
        raise QoptError(
            f"{choice.cost.cycles} cycles a frame need about {needed} {Budget.names[name]}, {largest} of them "
            f"{unit}; the budget is {limit}",
            function,
            f"allow {_option('max_' + name)}={needed}"
            + ("" if slower is None else f", or ask for at most {self._rate(slower.cost.cycles)}"),
        )

    def _rate(self, cycles: int) -> str:
        """`cycles=28`, or the frames a second that they mean, in the terms of the user."""
        return f"cycles={cycles}" if self.fps is None else f"fps={int(self.clock // cycles)}"


def _smallest(search: list[FoldableUnit], target: int | None, budget: Budget) -> Choice:
    """The choice that takes the least of what is limited; each unit alone reaches the target."""
    slowest = max(cost.cycles for unit in search for cost in unit.options.values())
    choice = cheapest(search, slowest if target is None else target, budget.scarcity)
    assert choice is not None
    return choice


def _placed_cost(ctx: Context, module: ModuleOp, choice: Choice) -> UnitCost:
    """What the choice costs with its converters and FIFOs put in."""
    trial = module.clone()
    function = hardware_function(trial)
    units = [unit for unit in unit_graph(function) if isinstance(unit, FoldableOp)]
    fold_graph(trial, function, dict(zip(units, choice.foldings, strict=True)))
    InsertWidthConvertersPass().apply(ctx, trial)
    InsertFifosPass().apply(ctx, trial)
    return total_cost(unit_graph(hardware_function(trial)))


def _option(field: str) -> str:
    return field.replace("_", "-")
