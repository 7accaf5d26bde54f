# SPDX-License-Identifier: Apache-2.0
"""The layers of a float network, and the values that quantisers must bring to codes.

A layer with weights needs codes at its input, and so does a sum of two branches or of a window. From there the value
is followed back through ops that only move numbers, or pick the largest (max pooling), to where it is computed: one
quantiser there serves all users, and comes behind a ReLU and in front of a max pooling.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import BlockArgument, Operation, SSAValue

from ...frontends.precision.specification import Role
from ...qdialect.attrs import DenseAttr
from ...qdialect.errors import node_name
from ...qdialect.q import (
    AddOp,
    BinaryOp,
    ConcatOp,
    ConstantOp,
    Convolution,
    ConvTransposeOp,
    MatMulOp,
    MaxPoolOp,
    MoveOp,
    QuantizeOp,
    ReduceExtremeOp,
    ReduceSumOp,
    SumPoolOp,
)
from ...qdialect.q.inference import constant_of
from ...qdialect.types import FormatType, element_type, is_f32, shape_of
from ..hardware_support import argument_name

_SUMS = (SumPoolOp, ReduceSumOp)
_PRODUCTS = (MatMulOp, Convolution)


@dataclass(frozen=True)
class Site:
    """A value that is to be codes. Sites of one `group` have one scale: a concatenation joins them.

    `at_join`: it is a sum of two branches, or a term of such a sum.
    `role`: which format it takes, and `function`: of the role FUNCTION, the ops up to the value that it is for.
    """

    value: SSAValue
    names: tuple[str, ...]  # of the nodes of its layer
    kind: str  # of the layer that computes it, of KINDS_OF_LAYERS
    group: int
    at_join: bool = False
    role: Role = Role.ACTIVATION
    function: tuple[Operation, ...] = ()

    @property
    def name(self) -> str:
        return self.names[0] if self.names else self.kind


@dataclass(frozen=True)
class Given:
    """A format that the network came with.

    Args:
        op: the quantiser of an activation, or the product whose weights have the format.
        weights: of a product, behind their scale.
        bias: what is added to its sums alone, if it is constant.
    """

    op: Operation
    names: tuple[str, ...]
    kind: str
    type: FormatType[Any] | None  # None: weights of float32 that are computed
    weights: SSAValue | None = None
    bias: SSAValue | None = None

    @property
    def name(self) -> str:
        return self.names[0] if self.names else self.kind

    def __str__(self) -> str:
        return "float32" if self.type is None else f"{str(self.type).removeprefix('!q.')} as given"


@dataclass(frozen=True)
class Linear:
    """An op with constant float32 weights; `bias` is the addition of a constant to its result."""

    op: MatMulOp | Convolution
    names: tuple[str, ...]
    kind: str
    x: SSAValue
    weight_index: int  # which operand the weights are
    bias: AddOp | None
    input: Site | None  # where its input is quantised; None: it is not computed in float32

    @property
    def name(self) -> str:
        return self.names[0] if self.names else self.kind

    @property
    def weights(self) -> DenseAttr:
        constant = constant_of(self.op.operands[self.weight_index])
        assert constant is not None
        return constant

    @property
    def out_axis(self) -> int | None:
        """The axis of the weights along which each output channel has its own; None if there is no such axis."""
        if isinstance(self.op, MatMulOp):
            return len(shape_of(self.op.rhs)) - 1 if self.weight_index else len(shape_of(self.op.lhs)) - 2
        if isinstance(self.op, ConvTransposeOp):
            return 1 if self.op.groups == 1 else None
        return 0

    @property
    def result(self) -> SSAValue:
        """The sums, with the bias if there is one."""
        return self.op.result if self.bias is None else self.bias.result

    @property
    def channel_axis(self) -> int:
        """The axis of the result that counts output channels."""
        if isinstance(self.op, MatMulOp):
            return len(shape_of(self.op.result)) - (1 if self.weight_index else 2)
        return self.op.channel_axis


@dataclass
class Network:
    """The layers of a function, in order; `given` are those with formats already."""

    function: FuncOp
    sites: dict[SSAValue, Site] = field(default_factory=dict[SSAValue, Site])
    linears: list[Linear] = field(default_factory=list[Linear])
    given: list[Given] = field(default_factory=list[Given])
    dynamic: set[SSAValue] = field(default_factory=set[SSAValue])

    def _is_constant(self, value: SSAValue) -> bool:
        return value not in self.dynamic

    def add(self, op: Operation) -> None:
        """Take in one op, whose operands are known."""
        dynamic = [operand for operand in op.operands if operand in self.dynamic]
        if not dynamic:
            return
        self.dynamic.update(op.results)
        if isinstance(op, _PRODUCTS) and len(dynamic) == 1:
            self._add_linear(op, dynamic[0])
        elif isinstance(op, (*_PRODUCTS, *_SUMS)):
            for operand in dynamic:
                self._need(operand)
        elif isinstance(op, BinaryOp) and len(dynamic) == 2:
            for operand in dynamic:
                self._need(operand, at_join=True)
        elif isinstance(op, QuantizeOp) and isinstance(type_ := element_type(op.result), FormatType):
            self.given.append(Given(op, *self.origin(op.result), type_))

    def _add_linear(self, op: MatMulOp | Convolution, x: SSAValue) -> None:
        site = self._need(x)
        index = 1 if op.operands[0] is x else 0
        weights = constant_of(op.operands[index])
        if weights is None or not is_f32(weights.type.element_type):
            self._add_given(op, op.operands[index])
            return
        linear = Linear(op, node_names([op]), layer_kind(op), x, index, None, site)
        bias = _bias_of(linear)
        names = node_names([op] if bias is None else [op, bias])
        self.linears.append(replace(linear, bias=bias, names=names))

    def _add_given(self, op: MatMulOp | Convolution, weights: SSAValue) -> None:
        users = {use.operation for use in op.result.uses}
        user = users.pop() if len(users) == 1 else None
        bias = next((one for one in user.operands if self._is_constant(one)), None) if isinstance(user, AddOp) else None
        names = node_names([op] if bias is None or user is None else [op, user])
        self.given.append(Given(op, names, layer_kind(op), _format_within(weights), weights, bias))

    def _need(self, value: SSAValue, at_join: bool = False) -> Site | None:
        """Make the value, or those that it consists of, sites; the first of them."""
        sources = [source for source in dict.fromkeys(_sources(value)) if self._wants_quantizer(source)]
        if not sources:
            return None
        groups = {self.sites[source].group for source in sources if source in self.sites}
        group = min(groups, default=len(self.sites))
        for source in sources:
            if source not in self.sites:
                names, kind = self.origin(source)
                self.sites[source] = Site(source, names, kind, group, kind == "add")
            if at_join:
                self.sites[source] = replace(self.sites[source], at_join=True)
        for source, site in self.sites.items():
            if site.group in groups:
                self.sites[source] = replace(site, group=group)
        return self.sites[sources[0]]

    def _wants_quantizer(self, value: SSAValue) -> bool:
        if not is_f32(element_type(value)) or value not in self.dynamic:
            return False
        if not isinstance(value.owner, BinaryOp):
            return True
        codes = [operand for operand in value.owner.operands if not is_f32(element_type(operand))]
        return not any(operand in self.dynamic for operand in codes)  # else it is a scaled code already

    def origin(self, value: SSAValue) -> tuple[tuple[str, ...], str]:
        """Names and kind of the layer that computes a value."""
        ops = list[Operation]()
        while isinstance(value.owner, Operation):
            op, kind = value.owner, layer_kind(value.owner)
            ops.append(op)
            dynamic = [operand for operand in op.operands if operand in self.dynamic]
            if len(dynamic) != 1 or kind != "other":
                kind = "add" if len(dynamic) > 1 and kind == "other" else kind
                return node_names(reversed(ops)), kind
            value = dynamic[0]
        assert isinstance(value, BlockArgument)
        return (argument_name(value), *node_names(reversed(ops))), "input"


def _format_within(value: SSAValue) -> FormatType[Any] | None:
    """The number format of the codes that a constant expression scales."""
    if isinstance(type_ := element_type(value), FormatType):
        return cast(FormatType[Any], type_)
    if not isinstance(value.owner, Operation):
        return None
    found = (_format_within(operand) for operand in value.owner.operands)
    return next((one for one in found if one is not None), None)


def has_quantizers(module: ModuleOp) -> bool:
    """Whether the network is quantised, as a whole or in part."""
    return any(isinstance(op, QuantizeOp) for op in module.walk())


def find_layers(function: FuncOp) -> Network:
    """The layers of @main."""
    network = Network(function)
    network.dynamic.update(function.args)
    for op in function.body.block.ops:
        network.add(op)
    return network


def _sources(value: SSAValue) -> Iterable[SSAValue]:
    """Where the numbers of a value are computed, whatever moves them or picks the largest."""
    op = value.owner
    if isinstance(op, ConcatOp):
        for operand in op.operands:
            yield from _sources(operand)
    elif isinstance(op, MaxPoolOp | ReduceExtremeOp) or (isinstance(op, MoveOp) and _adds_zeros_at_most(op)):
        yield from _sources(op.operands[0])
    else:
        yield value


def _adds_zeros_at_most(op: MoveOp) -> bool:
    """Whether the first operand gives all numbers of the result but zeros."""
    constants = [constant_of(operand) for operand in op.operands[1:]]
    return all(constant is not None and not constant.array.any() for constant in constants)


def layer_kind(op: Operation) -> str:
    """The kind of layer, of KINDS_OF_LAYERS, that an op with constant weights is; "other" for other ops."""
    if isinstance(op, MatMulOp):
        return "matmul"
    if isinstance(op, ConvTransposeOp):
        return "conv_transpose"
    if isinstance(op, Convolution):
        return "depthwise" if op.groups > 1 and op.groups == op.in_channels else "conv"
    return "pool" if isinstance(op, _SUMS) else "other"


def node_names(ops: Iterable[Operation]) -> tuple[str, ...]:
    """Names of the nodes that ops come from, each once, in their order."""
    return tuple(dict.fromkeys(name for op in ops if (name := node_name(op)) is not None))


def _bias_of(linear: Linear) -> AddOp | None:
    """The addition of a constant for each channel that alone uses the sums."""
    sums = linear.op.result
    uses = list(sums.uses)
    user = uses[0].operation if len(uses) == 1 else None
    if not isinstance(user, AddOp) or shape_of(user.result) != shape_of(sums):
        return None
    other = user.rhs if user.lhs is sums else user.lhs
    constant = constant_of(other)
    if constant is None or not is_f32(constant.type.element_type) or not isinstance(other.owner, ConstantOp):
        return None
    sizes = shape_of(other)[::-1]
    place = len(shape_of(sums)) - 1 - linear.channel_axis
    return user if all(size == 1 for index, size in enumerate(sizes) if index != place) else None
