# SPDX-License-Identifier: Apache-2.0
"""No case of the onnx package ends in a wrong result or a traceback, and the page of counts is fresh."""

import onnx
import pytest

from .page import PAGE, Table, pinned_version, table_of_all


@pytest.fixture(scope="module")
def table() -> Table:
    return table_of_all()


def test_every_case_passes_or_is_refused_by_name(table: Table) -> None:
    assert not table.failures
    assert table.total("passed") > 1000
    assert table.total("refused") > 100


def test_the_page_is_fresh(table: Table) -> None:
    if onnx.__version__ != pinned_version():
        pytest.skip(f"the page counts the cases of onnx {pinned_version()}, installed is {onnx.__version__}")
    assert PAGE.read_text() == table.text(), "run `python -m tests.backend_nodes.page`"
