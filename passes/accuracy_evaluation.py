# SPDX-License-Identifier: Apache-2.0
"""How well variants of one network do on one set of frames. What two variants share is computed once.

Every value of a network has a digest of all that it depends on. The codes of quantisers are kept under their digests
(and those of rectifiers of integers: float32 numbers take more room than running their layer again takes time), so that
a variant that differs in its last layer runs its last layer alone, and one that was seen before does not run.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, BlockArgument, Operation, Region, SSAValue

from ..qdialect.attrs import Array, DenseAttr
from ..qdialect.errors import QoptError
from ..qdialect.q import QuantizeOp, ReluOp
from ..qdialect.reference import ExactReal, compile_function
from ..qdialect.reference.executor import Codes
from ..qdialect.types import element_type, integer_format, is_integer_type
from .rewriting import function_named

KEPT_OPS = (QuantizeOp, ReluOp)  # what layers end with
KEPT_BYTES = 1 << 30
Digest = bytes


@dataclass
class Evaluator:
    """Runs the frames of a data set through variants of a network.

    Args:
        frames: [N, *shape], what the network's one input gets.
        labels: [N] classes, or None.
        capacity: bytes of intermediate results that are kept.

    `runs` counts the variants that had to run, `hits` those that were known.
    """

    frames: Array
    labels: Array | None = None
    capacity: int = KEPT_BYTES
    runs: int = 0
    hits: int = 0
    _kept: OrderedDict[Digest, Array] = field(default_factory=OrderedDict[Digest, Array])
    _bytes: int = 0
    _results: dict[Digest, Array] = field(default_factory=dict[Digest, Array])

    def outputs(self, module: ModuleOp) -> Array:
        """Values [N, *shape] of the output of `@main`; QoptError unless it has one input and one output."""
        main = function_named(module, "main")
        if main is None or len(main.args) != 1 or len(main.function_type.outputs) != 1:
            raise QoptError("the network is not one function @main of one input and one output", module, "cut it")
        digests = value_digests(main)
        result = _returned(main)
        if digests[result] in self._results:
            self.hits += 1
        else:
            self.runs += 1
            self._results[digests[result]] = self._run(main, result, digests)
        return self._results[digests[result]]

    def accuracy(self, module: ModuleOp) -> float:
        """Percent of the frames whose largest output is their label; ties take the lowest index."""
        assert self.labels is not None, "accuracy needs labels"
        return percent_equal(choices(self.outputs(module)), self.labels)

    def _run(self, main: FuncOp, result: SSAValue, digests: dict[SSAValue, Digest]) -> Array:
        needed = self._needed(main, result, digests)
        block, mapping, given = Block(), dict[SSAValue, SSAValue](), dict[str | int, Array]()
        for op in needed:
            for operand in op.operands:
                if operand not in mapping:  # made before: by the network's input or by a run
                    given[len(block.args)] = self._known(operand, digests)
                    mapping[operand] = block.insert_arg(operand.type, len(block.args))
            block.add_op(op.clone(mapping))
        block.add_op(ReturnOp(mapping[result]))
        types = ([argument.type for argument in block.args], [result.type])
        parts: dict[Digest, list[Array]] = {}
        kept = {mapping[op.results[0]].owner: digests[op.results[0]] for op in needed if _is_kept(op)}

        def keep(op: Operation, codes: Sequence[Codes]) -> None:
            (array,) = codes
            if isinstance(array, np.ndarray):
                parts.setdefault(kept[op], []).append(_narrowed(array))

        plan = compile_function(ModuleOp([FuncOp("main", types, Region(block))]))
        (codes,) = plan.run_codes(given, keep, kept)
        for digest, arrays in parts.items():
            self._keep(digest, np.concatenate(arrays))
        return decoded(codes, element_type(result))

    def _needed(self, main: FuncOp, result: SSAValue, digests: dict[SSAValue, Digest]) -> list[Operation]:
        """The ops that have to run for `result`, in order."""
        needed, work = set[Operation](), [result]
        while work:
            value = work.pop()
            known = isinstance(value.owner, Block) or (value is not result and digests[value] in self._kept)
            if isinstance(value.owner, Operation) and not known and value.owner not in needed:
                needed.add(value.owner)
                work += value.owner.operands
        return [op for op in main.body.block.ops if op in needed]

    def _known(self, value: SSAValue, digests: dict[SSAValue, Digest]) -> Array:
        if isinstance(value, BlockArgument):
            return self.frames
        self._kept.move_to_end(digests[value])
        return self._kept[digests[value]]

    def _keep(self, digest: Digest, array: Array) -> None:
        """Keep an array, and drop those not used for longest beyond the capacity."""
        self._kept[digest] = array
        self._bytes += array.nbytes
        while self._bytes > self.capacity and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.nbytes


def _is_kept(op: Operation) -> bool:
    return isinstance(op, KEPT_OPS) and is_integer_type(element_type(op.results[0]))


def value_digests(main: FuncOp) -> dict[SSAValue, Digest]:
    """For every value of a function what it depends on: two values of one digest are equal in every frame."""
    digests: dict[SSAValue, Digest] = {argument: b"%d" % argument.index for argument in main.args}
    for op in main.body.block.ops:
        hasher = blake2b(op.name.encode(), digest_size=16)
        for name, attribute in sorted({**op.properties, **op.attributes}.items()):
            hasher.update(b"|%s=" % name.encode())
            hasher.update(attribute.digest if isinstance(attribute, DenseAttr) else str(attribute).encode())
        for operand in op.operands:
            hasher.update(b"|" + digests[operand])
        for result in op.results:
            hasher.update(f"|{result.type}".encode())
            digests[result] = hasher.digest() + b"%d" % result.index
    return digests


def choices(outputs: Array) -> Array:
    """The place of the largest number of each frame, [N]; the first of equal ones."""
    return outputs.reshape(len(outputs), -1).argmax(axis=1)


def percent_equal(first: Array, second: Array) -> float:
    """Rounded once, so that a share that is exactly a bound keeps it."""
    return 100 * int(np.count_nonzero(first == second.reshape(-1))) / len(first)


def _returned(main: FuncOp) -> SSAValue:
    last = main.body.block.last_op
    assert isinstance(last, ReturnOp)
    return last.arguments[0]


def decoded(codes: Codes, type_: Attribute) -> Array:
    """What codes stand for."""
    if isinstance(codes, ExactReal):
        return codes.to_float64()
    fraction_bits = integer_format(type_).fraction_bits if is_integer_type(type_) else 0
    return np.ldexp(codes.astype(np.float64), -fraction_bits) if fraction_bits else codes


def _narrowed(array: Array) -> Array:
    """Integers in the least bytes that hold them."""
    if array.dtype.kind not in "iu" or not array.size:
        return array
    return array.astype(np.promote_types(np.min_scalar_type(array.min()), np.min_scalar_type(array.max())))
