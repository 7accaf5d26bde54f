# SPDX-License-Identifier: Apache-2.0
"""Feed an input as integer codes in a given format instead of float32.

Before (`q-set-input-format{input-format="x: uint<2> scale 1/3"}`):
    func.func @main(%x: tensor<1x4xf32> {q.name = "x"}) -> ... {
      %0 = q.mul %x, %two : tensor<1x4xf32>, tensor<f32> -> tensor<1x4xf32>
      %1 = q.sub %0, %one : tensor<1x4xf32>, tensor<f32> -> tensor<1x4xf32>
      %2 = q.quantize %1 half_even saturate : tensor<1x4xf32> -> tensor<1x4x!q.fixed<2, 0>>
After:
    func.func @main(%x: tensor<1x4x!q.ufixed<2, 0>> {q.name = "x"}) -> ... {
      %2 = q.threshold %x, %t base -1 : ... -> tensor<1x4x!q.fixed<2, 0>>

A code c means `c * 2^-F * scale + offset`, rounded once to float32. Where elementwise float32 ops lead to one
quantiser, the reference computes its code for every input code, and thresholds take their place. Elsewhere the codes
are turned into float32 numbers, and q-convert-to-typed makes these exact.

Approximate: the input holds only such numbers; for those the thresholds give the codes of the float32 network.
Needs: a float32 input of the given name; up to 16 bits for thresholds.   Keeps: the other inputs.
Leaves: an input that has this type already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, BlockArgument, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ..qdialect.attrs import Array
from ..qdialect.errors import QoptError
from ..qdialect.formats import IntRange
from ..qdialect.input_format import InputFormat, parse_input_format
from ..qdialect.q import (
    QuantizeOp,
    ThresholdOp,
)
from ..qdialect.q.base import tensor
from ..qdialect.q.inference import narrow_range
from ..qdialect.types import (
    BipolarType,
    FixedType,
    UFixedType,
    element_type,
    fixed_type,
    integer_format,
    is_f32,
    shape_of,
)
from .hardware_support import argument_name
from .input_table import (
    VIEWS,
    ThresholdTable,
    all_codes,
    chain_to_quantizer,
    float_value,
    representative_shape,
    table_thresholds,
    tabulate,
)
from .remarks import remark
from .rewriting import at, constant, function_named

MAX_ENUMERATED_BITS = 16


def _replace_by_thresholds(chain: Sequence[Operation], table: Array, codes: Array, argument: SSAValue) -> None:
    quantizer = chain[-1]
    assert isinstance(quantizer, QuantizeOp)
    target = element_type(quantizer.result)
    value: SSAValue = argument
    new = list[Operation]()
    for op in chain:
        if isinstance(op, VIEWS):
            new.append(op.on([value]))
            value = new[-1].results[0]
    if _saturates(table, codes, element_type(argument), quantizer):
        new.append(at(QuantizeOp(value, target, narrow=quantizer.narrow), quantizer))
    elif element_type(argument) != target or not bool((table == codes[:, None]).all()):
        bipolar = isinstance(target, BipolarType)
        new += _threshold_op(value, table_thresholds(table, codes, bipolar, quantizer), quantizer)
    value = new[-1].results[0] if new else value
    value.name_hint = quantizer.result.name_hint or value.name_hint
    Rewriter.insert_op(new, InsertPoint.before(quantizer))
    quantizer.result.replace_all_uses_with(value)
    for op in reversed(chain):
        Rewriter.erase_op(op)


def _saturates(table: Array, codes: Array, source: Attribute, quantizer: QuantizeOp) -> bool:
    """True if all that happens to the codes is that they saturate to another range of the same quantum."""
    target = element_type(quantizer.result)
    if not isinstance(target, FixedType | UFixedType) or isinstance(source, BipolarType):
        return False
    held = narrow_range(target) if quantizer.narrow else target.format.code_range
    if target.format.fraction_bits != integer_format(source).fraction_bits or (
        source == target and not quantizer.narrow
    ):
        return False
    return bool((table == np.clip(codes, held.lo, held.hi)[:, None]).all())


def _threshold_op(value: SSAValue, table: ThresholdTable, quantizer: QuantizeOp) -> list[Operation]:
    fraction_bits = integer_format(element_type(value)).fraction_bits
    range_ = IntRange(int(table.thresholds.min()), int(table.thresholds.max()))
    thresholds = constant(table.thresholds, fixed_type(range_, fraction_bits))
    flags = constant(table.descending.astype(np.uint8), UFixedType(1, 0)) if table.descending.any() else None
    descending = flags.result if flags is not None else None
    op = ThresholdOp(value, thresholds.result, element_type(quantizer.result), table.base, descending)
    return [thresholds, *([flags] if flags is not None else []), at(op, quantizer)]


def _argument(main: FuncOp, name: str) -> BlockArgument:
    names = [argument_name(argument) for argument in main.args]
    if name not in names:
        mend = f"its inputs are {', '.join(repr(known) for known in names)}"
        raise QoptError(f"the network has no input '{name}'", main, mend)
    return main.args[names.index(name)]


def _set_format(main: FuncOp, argument: BlockArgument, input_format: InputFormat) -> None:
    chain = chain_to_quantizer(argument)
    shape = representative_shape(chain, len(shape_of(argument))) if chain else None
    codes_type = tensor(input_format.element_type, shape_of(argument))
    if chain is None or shape is None:
        why = "it does not lead to one quantiser by elementwise ops" if chain is None else "its constants vary inside"
        remark(main, f"input '{input_format.name}' gets no thresholds: {why}; its codes become numbers instead")
        block = main.body.block
        first = block.first_op
        assert first is not None
        users = list(argument.uses)
        codes = Rewriter.replace_value_with_new_type(argument, codes_type)
        value = float_value(codes, input_format, InsertPoint.before(first))
        for use in users:
            use.operation.operands[use.index] = value
        return
    _check_word_length(input_format, chain[-1])
    table = tabulate(chain, shape, input_format)
    codes = Rewriter.replace_value_with_new_type(argument, codes_type)
    _replace_by_thresholds(chain, table, all_codes(input_format), codes)


def _record_scale(main: FuncOp, index: int, input_format: InputFormat) -> None:
    """What a host needs to turn numbers into codes: `q.scale`, `q.offset` on the argument, where not 1 and 0."""
    numbers = {"q.scale": (input_format.scale, 1), "q.offset": (input_format.offset, 0)}
    recorded = {name: StringAttr(str(number)) for name, (number, default) in numbers.items() if number != default}
    attributes = [dict(entry.data) for entry in main.arg_attrs or [DictionaryAttr({}) for _ in main.args]]
    attributes[index] |= recorded
    main.arg_attrs = ArrayAttr([DictionaryAttr(entry) for entry in attributes])


def _check_word_length(input_format: InputFormat, quantizer: Operation) -> None:
    bits = integer_format(input_format.element_type).word_length
    if bits > MAX_ENUMERATED_BITS:
        what = f"input '{input_format.name}' has {bits} bits in front of its quantiser, limit is {MAX_ENUMERATED_BITS}"
        mend = f"give it at most {MAX_ENUMERATED_BITS} bits, or no format: then the host quantises"
        raise QoptError(what, quantizer, mend)


@dataclass(frozen=True)
class SetInputFormatPass(ModulePass):
    """Feed an input as integer codes in a given format instead of float32."""

    name = "q-set-input-format"
    exact: ClassVar[bool] = False
    input_format: str  # 'NAME: FORMAT [scale NUMBER] [offset NUMBER]', as in 'x: uint<8> scale 1/255'

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        input_format = parse_input_format(self.input_format)
        main = function_named(op, "main")
        if main is None:
            raise QoptError("the module has no function @main", mend="name the network's function @main")
        argument = _argument(main, input_format.name)
        if element_type(argument) == input_format.element_type:
            return
        if not is_f32(element_type(argument)):
            what = f"input '{input_format.name}' already holds {element_type(argument)}"
            raise QoptError(what, main, "give a format to float32 inputs only")
        _set_format(main, argument, input_format)
        main.update_function_type()
        _record_scale(main, argument.index, input_format)
