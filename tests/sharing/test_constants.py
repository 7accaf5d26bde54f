# SPDX-License-Identifier: Apache-2.0
"""Constants of `!q.shared`: indices and codebooks as numbers and as text."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from qopt_mlir.qdialect.attrs import DenseAttr
from qopt_mlir.qdialect.errors import QoptError
from qopt_mlir.qdialect.sharing import codebook_of, decoded, grouped, index_width
from qopt_mlir.qdialect.text import new_context, parse_module, verify_module
from qopt_mlir.qdialect.types import BipolarType, FixedType, SharedType
from xdsl.dialects.builtin import TensorType
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import ParseError, VerifyException


def parsed(text: str) -> DenseAttr:
    attribute = Parser(new_context(), text).parse_attribute()
    assert isinstance(attribute, DenseAttr)
    return attribute


@pytest.mark.parametrize(("entries", "bits"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (256, 8), (257, 9)])
def test_width_of_an_index(entries: int, bits: int) -> None:
    assert index_width(entries) == bits


@pytest.mark.parametrize("seed", range(20))
def test_indices_and_codebooks_give_the_codes_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 6, int(rng.integers(1, 5))))
    codes = rng.integers(-8, 8, shape)
    axes = tuple(axis for axis in range(len(shape)) if rng.random() < 0.4)
    found = grouped(codes, axes)
    assert found is not None
    assert found.codebook.shape[:-1] == (tuple(n if a in axes else 1 for a, n in enumerate(shape)) if axes else ())
    assert found.num_groups == np.prod([shape[axis] for axis in axes])
    assert np.array_equal(decoded(found.indices, found.codebook), codes)
    assert found.bits(4) == codes.size * index_width(found.entries) + found.num_groups * found.entries * 4


def test_the_fewest_codebooks_are_found() -> None:
    codes = np.array([[1, 2, 1, 2], [5, 6, 6, 5]])
    whole, rows = codebook_of(codes, 4), codebook_of(codes, 2)
    assert whole is not None
    assert rows is not None
    assert (whole.num_groups, rows.num_groups) == (1, 2)
    assert codebook_of(np.arange(16).reshape(4, 4), 3) is None


@pytest.mark.parametrize(
    ("shape", "per_row", "entries"),
    [((3, 4), 3, 3), ((8, 40), 5, 5), ((4, 2, 3, 3), 2, 2), ((6, 30), 1, 1), ((5,), 4, 4)],
)
def test_text_gives_the_same_constant(shape: tuple[int, ...], per_row: int, entries: int) -> None:
    rng = np.random.default_rng(1)
    rows = [
        rng.choice(rng.choice(np.arange(-60, 60), per_row, replace=False), np.prod(shape[1:], dtype=int))
        for _ in range(shape[0])
    ]
    codes = np.stack(rows).reshape(shape) if len(shape) > 1 else rng.choice(np.arange(4), shape)
    constant = DenseAttr(codes, TensorType(SharedType(entries, FixedType(7)), shape))
    with_text = parsed(constant_text(constant))
    assert with_text == constant
    assert np.array_equal(with_text.array, codes)


def constant_text(constant: DenseAttr) -> str:
    stream = io.StringIO()
    Printer(stream).print_attribute(constant)
    return stream.getvalue()


def test_bipolar_values_and_unsorted_codebooks() -> None:
    constant = parsed("#q.dense<[1, 0, 1] codebook [1, -1] : tensor<3x!q.shared<2, !q.bipolar>>>")
    assert constant.array.tolist() == [-1, 1, -1]
    assert constant_text(constant) == "#q.dense<[0, 1, 0] codebook [-1, 1] : tensor<3x!q.shared<2, !q.bipolar>>>"
    assert constant.type.element_type == SharedType(2, BipolarType())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[0, 1]", "needs a codebook; mend: write 'codebook [...]'"),
        ("[0, 1] codebook [1, 2, 3]", "its codebook has 3 entries, !q.shared<2, !q.fixed<4, 0>> 1 to 2"),
        ("[0, 2] codebook [1, 2]", "the index 2 has no entry in a codebook of 2"),
        ("[0, 1] codebook [1, 9]", "!q.fixed<4, 0>> cannot hold the code 9; mend: its codes are -8 to 7"),
        ("[0, 1] codebook [[1, 2], [3, 4], [5, 6]]", "a codebook of shape [3, 2] does not fit [2] indices"),
        ("[0, -1] codebook [1, 2]", "the index -1 has no entry in a codebook of 2"),
    ],
)
def test_refused_text(text: str, message: str) -> None:
    with pytest.raises(ParseError, match=re.escape(message)):
        parsed(f"#q.dense<{text} : tensor<2x!q.shared<2, !q.fixed<4, 0>>>>")


def test_refused_types_and_values() -> None:
    with pytest.raises(VerifyException, match="codebook of 1 to 65536 values, got 0"):
        SharedType(0, FixedType(4))
    with pytest.raises(ParseError, match=r"holds values of !q.fixed, !q.ufixed or !q.bipolar, not of f32"):
        parsed("#q.dense<[0] codebook [0] : tensor<1x!q.shared<2, f32>>>")
    with pytest.raises(ParseError, match=r"only !q.shared has a codebook, not !q.fixed<4, 0>"):
        parsed("#q.dense<[0] codebook [0] : tensor<1x!q.fixed<4, 0>>>")
    with pytest.raises(VerifyException, match="the constant has 16 different codes"):
        DenseAttr(np.arange(16).reshape(4, 4), TensorType(SharedType(3, FixedType(8)), (4, 4)))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "%y = q.quantize %x half_even saturate : tensor<2x!q.fixed<4, 0>> -> tensor<2xSHARED>",
            "cannot target !q.shared<2, !q.fixed<4, 0>>\n  at: text:2:1\n  mend: quantise to !q.fixed<4, 0>",
        ),
        (
            "%y = q.add %x, %x : tensor<2x!q.fixed<4, 0>>, tensor<2x!q.fixed<4, 0>> -> tensor<2xSHARED>",
            "q.add of integer types gives an integer type",
        ),
    ],
)
def test_computed_values_share_nothing(body: str, message: str) -> None:
    text = f"func.func @main(%x: tensor<2x!q.fixed<4, 0>>) {{\n{body}\nfunc.return\n}}"
    text = text.replace("SHARED", "!q.shared<2, !q.fixed<4, 0>>")
    with pytest.raises(QoptError, match=re.escape(message)):
        verify_module(parse_module(text, "text"))
