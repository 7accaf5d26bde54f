# SPDX-License-Identifier: Apache-2.0
"""`--verify-each`: after every pass that claims to be exact, the reference must give the same bits as before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation
from xdsl.passes import ModulePass

from ..qdialect.attrs import Array
from ..qdialect.errors import QoptError, describe_location, node_name
from ..qdialect.reference import code_values, compile_function, input_codes
from ..qdialect.reference.executor import Codes


@dataclass
class _Snapshot:
    """What @main gives: its outputs, and the codes of every op that carries a node name."""

    argument_types: tuple[Attribute, ...]
    outputs: list[Array]
    values: dict[_Key, tuple[Operation, Array]]


_Key = tuple[str, str, int]  # op name, node name, how many such ops came before


class EquivalenceChecker:
    """Keeps the outputs of the module before a pass, and compares those after it."""

    def __init__(self, module: ModuleOp, inputs: dict[str, Array]):
        """Runs @main of `module` on `inputs` (frames by input name, '' for the one input)."""
        self._inputs = inputs
        self._before = self._run(module)

    def check(self, pass_: ModulePass, module: ModuleOp) -> str:
        """One line for the log. Raises QoptError if `pass_` is exact and an output bit has changed."""
        before, after = self._before, self._run(module)
        self._before = after
        total = sum(output.size for output in after.outputs)
        if after.argument_types != before.argument_types:
            return f"{pass_.name}: changes the inputs of @main, new baseline of {total} outputs"
        changed = [i for i, pair in enumerate(zip(before.outputs, after.outputs, strict=True)) if not _equal(*pair)]
        if not getattr(pass_, "exact", True):
            return f"{pass_.name}: approximate, {_difference(before.outputs, after.outputs)}"
        if changed:
            raise _mismatch(pass_, module, before, after, changed[0])
        return f"{pass_.name}: {total} of {total} outputs equal"

    def _run(self, module: ModuleOp) -> _Snapshot:
        main = next((op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == "main"), None)
        if main is None:
            raise QoptError("--verify-each needs a function @main", mend="name the function @main")
        chunks: dict[Operation, list[Array]] = {}  # of frames

        def trace(op: Operation, codes: Sequence[Codes]) -> None:
            if node_name(op) is not None and isinstance(codes[0], np.ndarray):
                chunks.setdefault(op, []).append(codes[0])

        inputs = code_values(main, input_codes(main, self._inputs))
        outputs = compile_function(module, "main").run(inputs, trace=trace)
        return _Snapshot(tuple(main.function_type.inputs.data), outputs, _by_name(chunks))


def _by_name(chunks: dict[Operation, list[Array]]) -> dict[_Key, tuple[Operation, Array]]:
    """Codes of each op, under names by which the op can be found again after a pass."""
    values: dict[_Key, tuple[Operation, Array]] = {}
    seen = Counter[tuple[str, str | None]]()
    for op, parts in chunks.items():
        names = (op.name, node_name(op))
        values[op.name, names[1] or "", seen[names]] = (op, np.concatenate(parts))
        seen[names] += 1
    return values


def _equal(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


def _difference(before: list[Array], after: list[Array]) -> str:
    pairs = [(a.astype(np.float64), b.astype(np.float64)) for a, b in zip(before, after, strict=True)]
    largest = max((float(np.abs(a - b).max()) for a, b in pairs if a.size), default=0.0)
    count = sum(int((a != b).sum()) for a, b in pairs)
    return f"{count} of {sum(a.size for a, _ in pairs)} outputs differ, the largest by {largest:g}"


def _mismatch(pass_: ModulePass, module: ModuleOp, before: _Snapshot, after: _Snapshot, index: int) -> QoptError:
    """Name the pass, the first op whose value changed (else the one that makes the output), and the first element."""
    for key, (op, codes) in after.values.items():
        old = before.values.get(key)
        if old is not None and old[0].results[0].type == op.results[0].type and not _equal(old[1], codes):
            return _error(pass_, op, old[1], codes)
    main = next(op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == "main")
    returned = main.body.block.last_op
    assert returned is not None
    owner = returned.operands[index].owner
    return _error(pass_, owner if isinstance(owner, Operation) else main, before.outputs[index], after.outputs[index])


def _error(pass_: ModulePass, op: Operation, before: Array, after: Array) -> QoptError:
    place = tuple(int(i) for i in np.argwhere(before != after)[0]) if before.shape == after.shape else ()
    what = (
        f"the pass '{pass_.name}' changes the value of {op.name}: element {list(place)} was {before[place]}, "
        f"is {after[place]}"
    )
    return QoptError(what, describe_location(op), "this is a fault of the pass: please report it with the model")
