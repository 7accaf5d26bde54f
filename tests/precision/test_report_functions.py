# SPDX-License-Identifier: Apache-2.0
"""The quantiser in front of a function, in the precision report: figures against computations of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qopt_mlir.backends.precision_report.page import html
from qopt_mlir.qdialect.q import AddOp, MulOp, QuantizeOp, SigmoidOp, SoftplusOp
from qopt_mlir.qdialect.q.inference import constant_of
from qopt_mlir.qdialect.types import element_type

from .networks import EIGHT_BITS
from .test_functions import convolutional, dense
from .test_report import Reported, only, ratio, run


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    return Reported(dense("Sigmoid", "Relu", size=32), tmp_path_factory.mktemp("functions"), EIGHT_BITS)


def test_a_layer_has_both(reported: Reported) -> None:
    """One row: what its sigmoid gets, and what it gives."""
    row = reported.layer("fc0")
    assert [layer["name"] for layer in reported.data["layers"]] == ["x", "fc0", "fc1", "last"]
    assert row["nodes"] == ["fc0", "f0"]
    assert (row["function"]["format"], row["activation"]["format"]) == ("fixed<12, 0>", "ufixed<8, 0>")
    assert reported.layer("fc1")["function"] is None


def test_figures_of_the_argument(reported: Reported) -> None:
    figures = reported.layer("fc0")["function"]
    codes, sums = only(reported.after, "fc0", QuantizeOp), only(reported.after, "fc0", AddOp)
    numbers = only(reported.after, "f0", SigmoidOp).operands[0].owner
    assert isinstance(numbers, MulOp)
    scale = constant_of(numbers.rhs)
    assert scale is not None
    exact = run(reported.before, reported.test, only(reported.before, "fc0", AddOp))
    assert figures["sqnr_db"] == pytest.approx(ratio(exact, run(reported.after, reported.test, numbers)), abs=0.006)
    assert figures["scales"] == pytest.approx([float(scale.array)] * 2, rel=1e-5)
    assert str(element_type(codes.results[0])) == "!q.fixed<12, 0>"
    used = len(np.unique(run(reported.after, reported.test, codes)))
    assert (figures["codes"]["held"], figures["codes"]["used"]) == (4096, used)
    seen = run(reported.after, reported.frames[: -len(reported.test)], sums)
    assert figures["range_calibration"] == pytest.approx([seen.min(), seen.max()], rel=1e-5)


def test_the_result_is_compared_behind_the_function(reported: Reported) -> None:
    exact = run(reported.before, reported.test, only(reported.before, "f0", SigmoidOp))
    result = run(reported.after, reported.test, only(reported.after, "f0", MulOp))
    assert reported.layer("fc0")["activation"]["sqnr_db"] == pytest.approx(ratio(exact, result), abs=0.006)


def test_a_join_has_both(tmp_path: Path) -> None:
    reported = Reported(convolutional(), tmp_path, EIGHT_BITS)
    row = reported.layer("join")
    assert row["kind"] == "add"
    assert "softplus" in row["nodes"]
    assert (row["function"]["bits"], row["activation"]["bits"]) == (12, 8)
    exact = run(reported.before, reported.test, only(reported.before, "softplus", SoftplusOp))
    result = run(reported.after, reported.test, only(reported.after, "softplus", MulOp))
    assert row["activation"]["sqnr_db"] == pytest.approx(ratio(exact, result), abs=0.006)


def test_the_page_shows_it(reported: Reported) -> None:
    page = html(reported.data)
    assert page.count("<th>function</th>") == 1
    assert "<td>fixed&lt;12, 0&gt;</td>" in page
