# SPDX-License-Identifier: Apache-2.0
"""What holds for every function of a network: one block with a return, arguments of fixed shape, names."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp, StringAttr, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute

from .affine import parse_fraction
from .dataflow.types import StreamType
from .errors import QoptError


def verify_functions(module: ModuleOp) -> None:
    """Raises QoptError at the first function of `module` that is none of a network."""
    for op in module.ops:
        if isinstance(op, FuncOp):
            _verify_function(op)


def _verify_function(function: FuncOp) -> None:
    name = f"@{function.sym_name.data}"
    if not function.is_declaration:
        if len(function.body.blocks) > 1:
            raise QoptError(f"{name} has {len(function.body.blocks)} blocks", function, "a network is one block")
        if not isinstance(function.body.block.last_op, ReturnOp):
            raise QoptError(f"{name} does not end with func.return", function, "return the outputs at its end")
    for index, type_ in enumerate(function.function_type.inputs.data):
        _verify_argument(function, f"argument {index} of {name}", type_)
    for attributes in (function.arg_attrs, function.res_attrs):
        for dictionary in () if attributes is None else attributes.data:
            for key, value in dictionary.data.items():
                _verify_attribute(function, key, value)


def _verify_argument(function: FuncOp, what: str, type_: Attribute) -> None:
    if isinstance(type_, StreamType):
        return
    if not isinstance(type_, TensorType):
        raise QoptError(f"{what} is {type_}", function, "networks work on tensors and streams")
    if min(type_.get_shape(), default=1) < 1:
        raise QoptError(f"{what} has the open or empty shape of {type_}", function, "write sizes of at least 1")


def _verify_attribute(function: FuncOp, key: str, value: Attribute) -> None:
    if key not in ("q.name", "q.scale", "q.offset"):
        return
    if not isinstance(value, StringAttr):
        raise QoptError(f"{key} of @{function.sym_name.data} is {value}", function, f'write {key} = "..."')
    if key == "q.name":
        return
    try:
        number = parse_fraction(value.data)
    except ValueError as fault:
        raise QoptError(f"{key} of @{function.sym_name.data}: {fault}", function, 'write "1/255" or "0.5"') from None
    if key == "q.scale" and not number:
        raise QoptError(f"q.scale of @{function.sym_name.data} is 0", function, "a scale is not zero")
