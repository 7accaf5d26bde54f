# SPDX-License-Identifier: Apache-2.0
"""If, Loop and Scan whose course is known at compile time: the branch taken, or the body once for every round."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....qdialect.q import ConcatOp, ReshapeOp
from ....qdialect.types import shape_of
from ..model import Array
from ..node import Node, Value
from ..registry import importer
from ..walk import import_body
from .movement import sliced

MOST_ROUNDS = 1 << 12  # of an unrolled loop


@importer("If")
def import_if(node: Node) -> Sequence[Value]:
    branch = "then_branch" if _truth(node, node.constant(0, "the condition")) else "else_branch"
    return import_body(node, node.graph(branch), [])


@importer("Loop")
def import_loop(node: Node) -> Sequence[Value]:
    """Inputs: most rounds, first condition, carried values. The body also gets the number of the round."""
    body = node.graph("body")
    rounds = int(_number(node, node.constant(0, "the number of rounds"))) if node.has_input(0) else None
    goes_on = _truth(node, node.constant(1, "the condition")) if node.has_input(1) else True
    carried: list[Value] = [node.value(index) for index in range(2, len(node.definition.inputs))]
    if len(body.inputs) != len(carried) + 2 or len(body.outputs) <= len(carried):
        raise node.error("the inputs or outputs of the body do not fit the node", "export the model again")
    scanned: list[list[Value]] = [[] for _ in body.outputs[len(carried) + 1 :]]
    index = 0
    while goes_on and (rounds is None or index < rounds):
        if index >= MOST_ROUNDS:
            raise node.error(f"the loop makes more than {MOST_ROUNDS} rounds", "shorten the loop")
        results = import_body(node, body, [np.asarray(index, np.int64), np.asarray(True), *carried])
        goes_on = _truth(node, results[0])
        carried = results[1 : len(carried) + 1]
        for values, value in zip(scanned, results[len(carried) + 1 :], strict=True):
            values.append(value)
        index += 1
    return [*carried, *(_stacked(node, values, 0) for values in scanned)]


@importer("Scan")
def import_scan(node: Node) -> Sequence[Value]:
    """The inputs: carried values, then those that are cut along an axis, a slice for every round."""
    if node.opset < 9:
        raise node.error("Scan with a batch axis (opset 8) is not supported", "convert the model to opset 9 or newer")
    body, cut = node.graph("body"), node.integer("num_scan_inputs")
    count = len(node.definition.inputs) - cut
    carried: list[Value] = [node.value(index) for index in range(count)]
    if not 1 <= cut <= len(node.definition.inputs) or len(body.inputs) != len(node.definition.inputs):
        raise node.error("the inputs of the body do not fit the node", "export the model again")
    axes = _settings(node, "scan_input_axes", cut)
    backward = _settings(node, "scan_input_directions", cut)
    axes = [node.axis(axis, len(node.shape(count + place))) for place, axis in enumerate(axes)]
    sizes = {node.shape(count + place)[axis] for place, axis in enumerate(axes)}
    if len(sizes) != 1 or max(sizes) > MOST_ROUNDS:
        raise node.error(f"the inputs are cut into {sorted(sizes)} slices", f"give all as many, at most {MOST_ROUNDS}")
    (rounds,) = sizes
    scanned: list[list[Value]] = [[] for _ in body.outputs[count:]]
    for index in range(rounds):
        places = [rounds - 1 - index if back else index for back in backward]
        slices = [_slice(node, count + i, axes[i], place) for i, place in enumerate(places)]
        results = import_body(node, body, [*carried, *slices])
        carried = results[:count]
        for values, value in zip(scanned, results[count:], strict=True):
            values.append(value)
    out_axes = _settings(node, "scan_output_axes", len(scanned))
    reverse = _settings(node, "scan_output_directions", len(scanned))
    ordered = [values[::-1] if back else values for values, back in zip(scanned, reverse, strict=True)]
    return [*carried, *(_stacked(node, values, axis) for values, axis in zip(ordered, out_axes, strict=True))]


def _settings(node: Node, name: str, count: int) -> list[int]:
    settings = node.integer_list(name) or [0] * count
    if len(settings) != count:
        raise node.error(f"attribute '{name}' has {len(settings)} entries, not {count}", "export the model again")
    return settings


def _truth(node: Node, value: Value) -> bool:
    return bool(_number(node, value))


def _number(node: Node, value: Value) -> Array:
    if not isinstance(value, np.ndarray):
        raise node.error(
            "the condition depends on the inputs of the network", "compute both ways and choose with Where"
        )
    if value.size != 1:
        raise node.error(f"a condition or number of rounds of shape {list(value.shape)}", "give a single one")
    return value.reshape(())


def _slice(node: Node, index: int, axis: int, place: int) -> Value:
    """Element `place` of an input along an axis, without that axis."""
    value = node.value(index)
    if isinstance(value, np.ndarray):
        return value.take(place, axis)
    operand = node.operand(index)
    shape = shape_of(operand)
    starts, sizes = [0] * len(shape), list(shape)
    starts[axis], sizes[axis] = place, 1
    return node.emit_moved(ReshapeOp(sliced(node, operand, starts, sizes), (*shape[:axis], *shape[axis + 1 :])))


def _stacked(node: Node, values: Sequence[Value], axis: int) -> Value:
    """The results of all rounds side by side along a new axis."""
    if not values:
        raise node.error("a loop without a round gives an empty tensor", "remove the loop")
    arrays = [value for value in values if isinstance(value, np.ndarray)]
    if len(arrays) == len(values):
        return np.stack(arrays, axis)
    operands = [node.as_operand(value) for value in values]
    shape = list(shape_of(operands[0]))
    place = node.axis(axis, len(shape) + 1)
    shape.insert(place, 1)
    rows = [node.emit_moved(ReshapeOp(operand, shape)) for operand in operands]
    return rows[0] if len(rows) == 1 else node.emit_moved(ConcatOp(rows, place))
