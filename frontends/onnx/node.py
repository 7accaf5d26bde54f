# SPDX-License-Identifier: Apache-2.0
"""What an op importer sees: the node's attributes and operands, checked, and where it writes its q ops."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, MutableMapping, Sequence
from copy import copy
from math import prod
from typing import Any, TypeAlias

import numpy as np
from xdsl.dialects.builtin import Float32Type, NameLoc, NoneAttr, StringAttr, TensorType, UnrealizedConversionCastOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import VerifyException

from ...qdialect.attrs import DenseAttr
from ...qdialect.errors import QoptError
from ...qdialect.formats import Overflow, Rounding
from ...qdialect.q import BinaryOp, ClipOp, ConstantOp, QuantizeOp, ReshapeOp, TransposeOp
from ...qdialect.text import split_mend
from ...qdialect.types import FixedType, UFixedType, element_type, integer_format, is_f32, is_integer_type, shape_of
from .datatypes import annotated_type, exact_constant, integer_type, onnx_name, whole_number_type
from .model import Array, AttributeValue, Model, NodeDefinition, TensorInfo, place

ONNX_INTEGERS = (*(type_(bits) for type_ in (FixedType, UFixedType) for bits in (8, 16, 32, 64)),)
INT64 = FixedType(64)
LARGEST_TENSOR = 1 << 31  # elements of an input or a result
_MAX_DEPTH = 16  # ops between a weight and its transposition; deeper ones keep a q.transpose


class Deferred(ABC):
    """A value whose ops are not written yet, because they depend on who uses it."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]: ...

    @abstractmethod
    def materialise(self) -> SSAValue:
        """Write the ops (once) and give their result."""


# A constant known at import, a value of the IR, or a value that is not written yet.
Value: TypeAlias = Array | SSAValue | Deferred


class GraphBuilder:
    """The IR under construction and what each ONNX value has become.

    `integers` are the values that are integers or truths in ONNX (indices, codes), each with its ONNX type, in which
    ONNX arithmetic wraps; the type of the IR may be narrower. `decoded` gives the float32 numbers of values that a
    DequantizeLinear makes of constants: weights keep their codes in the IR, parameters of other ops need the numbers.
    `batch` is the number of frames that the file fixes where one frame is imported.
    """

    def __init__(self, model: Model, block: Block, batch: int = 1):
        self.model = model
        self.batch = batch
        self.block = block
        self.values: MutableMapping[str, Value] = dict(model.initializers)
        self.integers: dict[SSAValue, Attribute] = {}
        self.decoded: dict[SSAValue, Callable[[], Array]] = {}

    def value(self, name: str) -> Value:
        """What a name has become; QoptError for a result that no importer computes (a dropout's mask)."""
        if name in self.values:
            return self.values[name]
        source = next((node for node in self.model.nodes if name in node.outputs), None)
        mend = "remove what uses this output: it has no use in inference"
        where = self.model.file if source is None else place(source, self.model.file)
        raise QoptError(f"output '{name}' is not supported", where, mend)

    def inner(self, model: Model, values: MutableMapping[str, Value]) -> GraphBuilder:
        """A builder for a graph inside this one, with values of its own, that writes to the same place."""
        builder = copy(self)
        builder.model, builder.values = model, values
        return builder


class Node:
    """One ONNX node during import."""

    def __init__(self, definition: NodeDefinition, builder: GraphBuilder):
        self.definition = definition
        self.builder = builder
        self._constants: dict[DenseAttr, SSAValue] = {}

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def opset(self) -> int:
        """Version of the op set that the node's op belongs to."""
        return self.builder.model.opsets.get(self.definition.domain, 1)

    def error(self, what: str, mend: str | None = None) -> QoptError:
        return QoptError(what, place(self.definition, self.builder.model.file), mend)

    def verify_error(self, fault: VerifyException) -> QoptError:
        """What a verifier of the q dialect says, as the node's error."""
        what, mend = split_mend(str(fault).strip())
        return self.error(what, mend or "correct the operands of this node in the model")

    # attributes

    def has(self, attribute: str) -> bool:
        return attribute in self.definition.attributes

    def integer(self, name: str, default: int | None = None) -> int:
        return self._attribute(name, int, "an integer", default)

    def number(self, name: str, default: float | None = None) -> float:
        value = self._attribute(name, int | float, "a number", default)
        return float(value)

    def text(self, name: str, default: str | None = None) -> str:
        return self._attribute(name, str, "a string", default)

    def integer_list(self, name: str) -> list[int] | None:
        """Value of an attribute of integers; None if it is absent."""
        if not self.has(name):
            return None
        return self._attribute(name, list, "a list of integers", None)

    def graph(self, name: str) -> Model:
        """A graph inside the node."""
        return self._attribute(name, Model, "a graph", None)

    def number_list(self, name: str) -> list[float]:
        """Value of an attribute of numbers; empty if it is absent."""
        return [float(number) for number in self._attribute(name, list, "a list of numbers", [])]

    def _attribute(self, name: str, kind: Any, description: str, default: AttributeValue) -> Any:
        if not self.has(name):
            if default is None:
                raise self.error(f"attribute '{name}' is missing", f"export the model again with '{name}'")
            return default
        value = self.definition.attributes[name]
        if not isinstance(value, kind):
            raise self.error(f"attribute '{name}' is not {description}", "export the model again")
        return value

    def axis(self, value: int, rank: int) -> int:
        """An axis counted from the front; QoptError if a tensor of this rank has no such axis."""
        if not -rank <= value < rank:
            raise self.error(f"axis {value} does not exist in a tensor of {rank} dimensions", "correct the axis")
        return value % rank

    # operands

    def has_input(self, index: int) -> bool:
        return index < len(self.definition.inputs) and self.definition.inputs[index] != ""

    def value(self, index: int) -> Value:
        """Input `index` in any form."""
        if not self.has_input(index):
            raise self.error(f"input {index} is missing", "export the model again")
        return self.builder.value(self.input_name(index))

    def input_name(self, index: int) -> str:
        return self.definition.inputs[index]

    def shape(self, index: int) -> tuple[int, ...]:
        value = self.value(index)
        return shape_of(value) if isinstance(value, SSAValue) else value.shape

    def info(self, index: int) -> TensorInfo:
        """ONNX element type and shape of input `index`."""
        value = self.value(index)
        if isinstance(value, np.ndarray):
            return TensorInfo(self.input_name(index), onnx_name(value.dtype.name), value.shape)
        type_ = self.integer_type(index)
        return TensorInfo(self.input_name(index), "FLOAT" if type_ is None else onnx_name(type_), self.shape(index))

    def constant(self, index: int, what: str) -> Array:
        """Input `index`, which has to be known at compile time; `what` names it in the message."""
        value = self.value(index)
        if isinstance(value, SSAValue) and value in self.builder.decoded:
            return self.builder.decoded[value]()
        if not isinstance(value, np.ndarray):
            mend = "make it an initialiser: it may not depend on the inputs of the network or on a quantiser"
            raise self.error(f"{what} '{self.input_name(index)}' is not a constant", mend)
        return value

    def constant_numbers(self, index: int, what: str) -> Array:
        """A constant input as float32 without NaN and infinity."""
        numbers = self.as_float32(self.constant(index, what), what)
        if not np.isfinite(numbers).all():
            raise self.error(f"{what} holds NaN or infinity", "export the model again with finite numbers")
        return numbers

    def constant_integers(self, index: int, what: str) -> list[int]:
        """A constant input of whole numbers, flattened."""
        array = self.constant(index, what)
        if array.dtype.kind not in "iu" or array.ndim > 1:
            raise self.error(f"{what} is not a list of integers", "export the model again")
        return [int(item) for item in array.reshape(-1)]

    def new_shape(self, index: int, what: str) -> list[int]:
        """The shape that a constant input asks for, that of one frame where the file says how many a batch has."""
        sizes = self.constant_integers(index, what)
        of_batch = self.builder.batch > 1 and self.shape(0)[:1] == (1,) and sizes[:1] == [self.builder.batch]
        return [1, *sizes[1:]] if of_batch else sizes

    def operand(self, index: int) -> SSAValue:
        """Input `index` as a value of the IR, whatever its type."""
        return self.as_operand(self.value(index), self.input_name(index))

    def as_operand(self, value: Value, name: str | None = None) -> SSAValue:
        """Any value (that the model calls `name`) as a value of the IR."""
        if isinstance(value, np.ndarray):
            type_ = annotated_type(value, self.builder.model.datatypes.get(name or ""))
            constant = self.add_constant(value, type_, name)
            if value.dtype.kind in "iub":
                self.builder.integers[constant] = element_type(constant)
            return constant
        return value if isinstance(value, SSAValue) else value.materialise()

    def integer_type(self, index: int) -> Attribute | None:
        """ONNX type of input `index` if that is an integer or truth, as an element type; None for real numbers."""
        value = self.value(index)
        if isinstance(value, np.ndarray):
            return integer_type(value.dtype.name) if value.dtype.kind in "iub" else None
        return self.builder.integers.get(self.operand(index))

    def number_operand(self, index: int) -> SSAValue:
        """Input `index` as a value of the IR that is a real number in ONNX."""
        value = self.value(index)
        is_integer = value.dtype.kind in "iub" if isinstance(value, np.ndarray) else None
        operand = self.operand(index)
        if is_integer or operand in self.builder.integers:
            mend = "dequantise or cast the operand to float32 first"
            raise self.error(f"integer arithmetic on '{self.input_name(index)}' is not supported", mend)
        return operand

    def matching_operands(self, *indices: int) -> list[SSAValue]:
        """Inputs that are real numbers in ONNX, as values of the IR, for one exact op.

        Beside an integer operand a float constant of whole numbers is an integer too, so that the result is one.
        """
        constant = {index for index in indices if isinstance(self.value(index), np.ndarray)}
        computed = {index: self.number_operand(index) for index in indices if index not in constant}
        integer = (operand for operand in computed.values() if is_integer_type(element_type(operand)))
        partner = next(integer, None)
        return [computed[index] if index in computed else self.operand_beside(index, partner) for index in indices]

    def exact_operands(self, *indices: int) -> tuple[list[SSAValue], Attribute | None]:
        """Inputs for one exact op: all real numbers, or all integers in ONNX; the ONNX type of integers, else None."""
        types = [self.integer_type(index) for index in indices]
        if types[0] is None:
            return self.matching_operands(*indices), None
        if None in types:
            raise self.error("integers and real numbers as operands of one op", "cast one of them in the model")
        return [self.operand(index) for index in indices], types[0]

    def operand_beside(self, index: int, partner: SSAValue | None) -> SSAValue:
        """Input `index`, a real number in ONNX, for an exact op whose other operand is `partner`."""
        value = self.value(index)
        name = self.input_name(index)
        annotated = isinstance(value, np.ndarray) and annotated_type(value, self.builder.model.datatypes.get(name))
        if partner is None or not isinstance(value, np.ndarray) or annotated:
            return self.number_operand(index)
        return self.constant_beside(partner, value, name) if value.dtype.kind == "f" else self.number_operand(index)

    def constant_beside(self, partner: SSAValue, array: Array, name: str | None = None) -> SSAValue:
        """A float constant for an exact op whose other operand is `partner`: an integer if both hold only integers."""
        type_ = whole_number_type(array) if is_integer_type(element_type(partner)) else None
        if type_ is None:
            return self.add_constant(array, None, name)
        return self.add_constant(array.astype(np.int64), type_, name)

    def float_operand(self, index: int) -> SSAValue:
        """Input `index` as float32, rounded if it is a wider number."""
        operand = self.number_operand(index)
        return operand if is_f32(element_type(operand)) else self.emit(QuantizeOp(operand, Float32Type()))

    # results

    def add(self, op: Operation) -> Operation:
        """Append an op; it is verified and gets the node's name as its location."""
        op.location = NameLoc(StringAttr(self.name), NoneAttr())
        try:
            op.verify(verify_nested_ops=False)
        except VerifyException as fault:
            raise self.verify_error(fault) from None
        self.builder.block.add_op(op)
        for result in op.results:
            self.check_size(shape_of(result))
            result.name_hint = value_name(self.name)
        return op

    def check_size(self, shape: Sequence[int]) -> None:
        """Raise a QoptError for the shape of a result that only a damaged model has."""
        if prod(shape) > LARGEST_TENSOR:
            what = f"the result of shape {list(shape)} is too large"
            raise self.error(what, f"correct the shapes and sizes: a tensor has at most {LARGEST_TENSOR} elements")

    def emit(self, op: Operation) -> SSAValue:
        """Append an op with one result and give that."""
        return self.add(op).results[0]

    def emit_exact(self, op: Operation, type_: Attribute | None) -> SSAValue:
        """Append an op on `exact_operands`, whose ONNX type is `type_`."""
        return self.emit(op) if type_ is None else self.emit_integer(op, type_)

    def emit_moved(self, op: Operation) -> SSAValue:
        """Append an op that only moves elements: its result is an ONNX integer if its operand is one."""
        result = self.emit(op)
        if op.operands[0] in self.builder.integers:
            self.builder.integers[result] = self.builder.integers[op.operands[0]]
        return result

    def emit_integer(self, op: Operation, type_: Attribute | None = None) -> SSAValue:
        """Append an op whose result is an integer in ONNX: of `type_`, or of its own type if ONNX has that, or int64.

        Where the op can give more than `type_` holds, the result wraps, as in ONNX.
        """
        result = self.emit(op)
        own = element_type(result)
        if type_ is None:
            type_ = own if own in ONNX_INTEGERS else INT64
        if integer_format(own).code_range not in integer_format(type_).code_range:
            result = self.emit(QuantizeOp(result, type_, Rounding.DOWN, Overflow.WRAP))
        self.builder.integers[result] = type_
        return result

    def as_integer(self, value: SSAValue, type_: Attribute) -> SSAValue:
        """A value of the IR as an integer of ONNX, whose type has all its codes."""
        return self._view(value, type_)

    def as_real(self, value: SSAValue) -> SSAValue:
        """A value of the IR as a real number of ONNX."""
        return self._view(value, None)

    def _view(self, value: SSAValue, type_: Attribute | None) -> SSAValue:
        """The same value under a second name, for ONNX sees it as another type; `remove_views` makes them one again."""
        if self.builder.integers.get(value) == type_:
            return value
        view = self.emit(UnrealizedConversionCastOp.get([value], [value.type]))
        view.name_hint = value.name_hint
        if type_ is not None:
            self.builder.integers[view] = type_
        return view

    def add_constant(self, array: Array, type_: Attribute | None = None, name: str | None = None) -> SSAValue:
        """A q.constant, one for equal ones of the node; by default of the type that its dtype stands for."""
        if not array.size:
            raise self.error(f"constant '{name or ''}' of shape {list(array.shape)} is empty", "export the model again")
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise self.error(f"constant '{name or ''}' holds NaN", "train or export the model again")
        if type_ is None and array.dtype.kind in "iub":
            type_ = integer_type(array.dtype.name)
        if type_ is None and array.dtype == np.float64 and np.isfinite(array).all():
            type_, array = exact_constant(array)
        if type_ is None:
            type_, array = Float32Type(), self.as_float32(array, "constant")
        value = DenseAttr(array, TensorType(type_, array.shape))
        if value not in self._constants:
            self._constants[value] = self.emit(ConstantOp(value))
            if name:
                self._constants[value].name_hint = value_name(name)
        return self._constants[value]

    def as_float32(self, array: Array, what: str) -> Array:
        """The same numbers in float32; QoptError if float32 does not hold them, or they are no numbers."""
        if array.dtype == np.float32:
            return array
        if array.dtype.name.startswith(("float", "bfloat")) or array.dtype.kind in "iu":
            with np.errstate(all="ignore"):
                converted = array.astype(np.float32)
                exact = np.array_equal(converted.astype(array.dtype), array, equal_nan=array.dtype.kind not in "iu")
            if exact:
                return converted
        mend = "convert the model to float32"
        raise self.error(f"{what} of type {array.dtype.name} is not supported", mend)

    def transposed(self, value: SSAValue, permutation: Sequence[int]) -> SSAValue:
        """`value` with its axes permuted. Weights behind a quantiser are permuted before it, to stay constants.

        Where only axes of size 1 change places, no element moves: a reshape.
        """
        weights = self._moved_weights(value, len(permutation), lambda array: array.transpose(permutation), _MAX_DEPTH)
        if weights is not None:
            return weights
        shape = shape_of(value)
        moved = [axis for axis in permutation if shape[axis] != 1]
        if moved == sorted(moved):
            return self.emit_moved(ReshapeOp(value, [shape[axis] for axis in permutation]))
        return self.emit_moved(TransposeOp(value, permutation))

    def with_trailing_axes(self, value: SSAValue, count: int) -> SSAValue:
        """`value`, or what broadcasts like it, with `count` axes of size 1 behind its own."""
        shape = shape_of(value)
        weights = self._moved_weights(
            value, len(shape), lambda array: array.reshape(array.shape + (1,) * count), _MAX_DEPTH
        )
        return weights or self.emit_moved(ReshapeOp(value, shape + (1,) * count))

    def _moved_weights(self, value: SSAValue, rank: int, move: Callable[[Array], Array], depth: int) -> SSAValue | None:
        """`value`, which constants, arithmetic and quantisers make, with the constants moved; None for other values.

        `move` takes an array of `rank` axes and maps each to an axis of its own; numbers without axes stay as they are.
        """
        op = value.owner
        if isinstance(op, ConstantOp):
            array = op.value.array
            if array.size != 1 or array.ndim == rank:  # one number of all axes may be what gives the result its axes
                array = move(array.reshape((1,) * (rank - array.ndim) + array.shape))
            return self.add_constant(array, element_type(value), value.name_hint)
        if not isinstance(op, BinaryOp | ClipOp | QuantizeOp) or not depth or len(shape_of(value)) != rank:
            return None
        operands = [self._moved_weights(operand, rank, move, depth - 1) for operand in op.operands]
        if any(operand is None for operand in operands):
            return None
        shape = move(np.broadcast_to(np.zeros((), np.bool_), shape_of(value))).shape
        copy = type(op).create(
            operands=[operand for operand in operands if operand is not None],
            result_types=[TensorType(element_type(value), shape)],
            properties=dict(op.properties),
        )
        result = self.emit(copy)
        copy.location, result.name_hint = op.location, value.name_hint
        if value in self.builder.integers:
            self.builder.integers[result] = self.builder.integers[value]
        return result


def source_of(value: SSAValue) -> SSAValue:
    """The value itself behind the names that ONNX gives it."""
    while isinstance(value.owner, UnrealizedConversionCastOp):
        value = value.owner.operands[0]
    return value


def remove_views(block: Block) -> None:
    """Let all users of a value use it under its own name."""
    for op in list(block.ops):
        if isinstance(op, UnrealizedConversionCastOp):
            Rewriter.replace_op(op, [], [op.operands[0]])


def value_name(name: str) -> str:
    """An ONNX name as an SSA name, without the numbers behind it: the printer adds its own."""
    clean = re.sub(r"[^A-Za-z0-9_$.-]", "_", name).strip("_")
    clean = re.sub(r"(_+[0-9]+)+$", "", clean) or "value"
    return clean if re.match(r"[A-Za-z$.-]", clean) else f"v{clean}"
