# SPDX-License-Identifier: Apache-2.0
"""No case of the onnx package ends in a wrong result or a traceback, and the page of counts is fresh."""

from dataclasses import replace

import onnx
import pytest

from .cases import Outcome, cases, outcome
from .page import PAGE, Table, pinned_version, table_of_all


@pytest.fixture(scope="module")
def table() -> Table:
    return table_of_all()


def test_every_case_passes_or_is_refused_by_name(table: Table) -> None:
    assert not table.failures
    assert table.total("passed") > 1000
    assert table.total("refused") > 100


def test_a_wrong_result_is_found() -> None:
    case = next(case for case in cases() if case.name == "test_relu")
    ((inputs, (wanted,)),) = case.data
    assert outcome(case).kind == "passed"
    other = wanted.copy()
    other.flat[7] += 0.01
    assert outcome(replace(case, data=[(inputs, [other])])) == Outcome("failed", "1 of 60 elements differ")
    assert outcome(replace(case, data=[(inputs, [wanted[0]])])).kind == "failed"


def test_the_page_is_fresh(table: Table) -> None:
    if onnx.__version__ != pinned_version():
        pytest.skip(f"the page counts the cases of onnx {pinned_version()}, installed is {onnx.__version__}")
    assert PAGE.read_text() == table.text(), "run `python -m tests.backend_nodes.page`"
