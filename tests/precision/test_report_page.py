# SPDX-License-Identifier: Apache-2.0
"""The page of the precision report: made of the JSON data alone, complete, well-formed, the same each time."""

import json
import warnings
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from qopt_mlir.backends.precision_report.figures import FloatOrigin, precision_data
from qopt_mlir.backends.precision_report.page import bar_width, counted, decibels, html, number, percent, ratio, span
from qopt_mlir.frontends.precision.parser import parse_specification
from qopt_mlir.passes.calibration.quantization import quantize_network
from qopt_mlir.passes.pipelines import to_typed
from qopt_mlir.passes.runner import parse_passes, run_passes
from qopt_mlir.qdialect.text import new_context

from .networks import EIGHT_BITS, Builder, frames_for

MALICIOUS = "a<script>alert(\"1\")</script> & 'b' $x_1$ {{ 7 }}"
SEARCH = {
    "algorithm": "analytic",
    "objective": "bit_operations",
    "bound": "agreement 99 %",
    "evaluations": 3,
    "cost_before": 30_000,
    "cost_after": 10_000,
    "margin": 0.5,
    "trials": [{"cost": 30_000, "margin": 1.0}, {"cost": 10_000, "margin": 0.5}, {"cost": 5_000, "margin": -4.0}],
}
Figures = dict[str, Any]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    """Of a network one of whose nodes has a name that means something in HTML."""
    net, folder = Builder(), tmp_path_factory.mktemp("page")
    hidden = net.add("Relu", [net.gemm("x", MALICIOUS, (12, 8))], "relu1")
    module = net.module((1, 12), net.gemm(hidden, "fc2", (8, 4)), (1, 4))
    before = module.clone()
    np.savez(folder / "data.npz", x=frames_for(module, 40))
    text = f'data {{ file = "data.npz"; calibration = x }}\n{EIGHT_BITS}\n'
    specification = parse_specification(text, "test.spec", folder)
    quantize_network(new_context(), module, specification)
    typed = module.clone()
    run_passes(new_context(), typed, parse_passes(to_typed(())))
    return precision_data(new_context(), "<net>", module, typed, FloatOrigin(before, specification, [SEARCH]))


@pytest.fixture(scope="module")
def page(data: Figures) -> str:
    return html(data)


def texts(page: str) -> list[str]:
    """Text of all elements; ParseError where the page is not well-formed."""
    return [text.strip() for text in ElementTree.fromstring(page).itertext() if text.strip()]


def test_every_layer_is_on_the_page(page: str, data: Figures) -> None:
    found = texts(page)
    for layer in data["layers"]:
        assert found.count(layer["name"]) >= 3, layer["name"]  # table, title and nodes
    assert "<net>: precision" in found


def test_names_are_text(page: str) -> None:
    assert "<script>alert" not in page
    assert "{{ 7 }}" in page
    assert page.count("<script>") == 1
    assert "$x_1$" in page


def test_names_of_any_script_are_drawn_without_a_warning(data: Figures) -> None:
    (first, *others) = data["layers"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert html({**data, "layers": [{**first, "name": "層 1"}, *others]}).count("層 1") > 2


def test_figures_of_the_data_are_on_the_page(page: str, data: Figures) -> None:
    text = "\n".join(texts(page))
    for layer in data["layers"]:
        for role in ("weight", "activation", "accumulator"):
            assert layer[role] is None or layer[role]["format"] in text
        for role in ("weight", "activation"):
            assert layer[role] is None or decibels(layer[role]["sqnr_db"]) in text
    assert f"{data['network']['agreement']:.2f} %" in text
    assert "3 choices" in text
    assert "What the search tried: analytic" in text


def test_page_is_made_of_the_json_alone(page: str, data: Figures) -> None:
    assert html(json.loads(json.dumps(data, allow_nan=False))) == page


def test_page_needs_nothing_from_elsewhere(page: str) -> None:
    root = ElementTree.fromstring(page)
    for element in root.iter():
        tag = element.tag.rpartition("}")[2]
        assert tag not in ("link", "img", "iframe")
        for name, value in element.attrib.items():
            assert name.rpartition("}")[2] not in ("src",)
            assert "://" not in value
            if name.rpartition("}")[2] == "href":
                assert value.startswith("#")


def test_ids_are_unique(page: str) -> None:
    ids = [element.attrib["id"] for element in ElementTree.fromstring(page).iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    assert ids


def test_links_lead_somewhere(page: str) -> None:
    root = ElementTree.fromstring(page)
    ids = {element.attrib.get("id") for element in root.iter()}
    links = [value for e in root.iter() for name, value in e.attrib.items() if name.rpartition("}")[2] == "href"]
    assert len(links) > 3
    assert {link[1:] for link in links} <= ids


def test_page_without_frames_and_search(data: Figures) -> None:
    bare = json.loads(json.dumps(data)) | {"searches": [], "compared": None}
    for key in ("agreement", "accuracy_before", "accuracy_after", "sqnr_db", "test_frames", "calibration_frames"):
        bare["network"][key] = None
    for layer in bare["layers"]:
        for figures in filter(None, (layer[role] for role in ("weight", "bias", "activation"))):
            figures |= {"sqnr_db": None}
        if layer["weight"]:
            layer["weight"] |= {"float_histogram": None, "saturated": None, "range_float": None}
    text = "\n".join(texts(html(bare)))
    assert "came quantised" in text
    assert "SQNR at the output" not in text


def test_network_without_layers(data: Figures) -> None:
    assert "0 of 0" in texts(html(data | {"layers": []}))


@pytest.mark.slow
def test_a_hundred_layers(data: Figures) -> None:
    page = html(data | {"layers": (data["layers"] * 50)[:100]})
    assert len(texts(page)) > 1000
    assert len(page) < 4_000_000


def test_numbers_for_people() -> None:
    assert [decibels(value) for value in (None, "exact", 20.44)] == ["-", "exact", "20.4 dB"]
    assert [counted(value) for value in (None, 12, 1234, 2.5e6, 3e9)] == ["-", "12", "1.23 k", "2.5 M", "3 G"]
    assert [percent(value) for value in (None, 0, 0.12345)] == ["-", "0 %", "12.3 %"]
    assert [number(value) for value in (None, 7, 0.1234567)] == ["-", "7", "0.12346"]
    assert [span(value) for value in (None, [1, 1], [-1, 2.5])] == ["-", "1", "-1 to 2.5"]
    assert [ratio(32, after) for after in (0, 4)] == ["-", "8x"]
    assert [bar_width(*pair) for pair in ((None, 4), (2, 4), (2, 0))] == ["0.0", "50.0", "0"]


def test_colours_are_those_of_the_page(page: str) -> None:
    assert "#0a0b0" not in page
    assert "var(--weight)" in page
