# SPDX-License-Identifier: Apache-2.0
"""A minute of `python -m tests.fuzz --cases 20000`: damaged models and IR through import, text and passes."""

from __future__ import annotations

import random
import sys
from collections import Counter

import pytest

from . import corpus
from .case import KINDS, Case, Fault, make_case, run_case
from .farm import cases_of, fault_of, fuzz
from .model_mutations import changed
from .reduction import reduced
from .text_mutations import CHANGES


def found_faults(seed: int, count: int, kinds: tuple[str, ...]) -> list[str]:
    outcomes, found = fuzz(cases_of(seed, count, list(kinds)), 2)
    assert sum(outcomes.values()) == count
    assert {outcome.split(": ")[1] for outcome in outcomes} > {"read", "ok"}, "some input is refused, some works"
    return [f"{fault.key}, first at {fault.name}: {fault.message[:500]}" for fault in found]


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory and time are those of Linux")
def test_no_faults() -> None:
    assert found_faults(100, 500, KINDS) == []


def test_real_models_are_among_the_cases() -> None:
    if reason := corpus.absent_models():
        pytest.skip(reason)
    assert len(corpus.real_models()) > 50


def test_mutations_change_something() -> None:
    model, text = corpus.network(0), corpus.lit_parts()[0]
    assert len({changed(model, random.Random(seed)) for seed in range(50)}) > 30
    for change in CHANGES:
        assert any(change(text, random.Random(seed)) != text for seed in range(20)), change


def test_cases_are_the_same_again() -> None:
    assert make_case(1, "lit") == make_case(1, "lit")
    assert make_case(1, "lit") != make_case(2, "lit")


def test_undamaged_input_works() -> None:
    assert run_case(Case("onnx", corpus.network(0), "0")) in ("ok", "passes")
    results = Counter(run_case(Case("lit", part, "0")) for part in corpus.lit_parts()[:40])
    assert results["read"] == 0


def test_faults_have_a_place_and_a_small_reproducer() -> None:
    def stumbles(data: bytes | str) -> str:
        if "b\n" in str(data):
            raise Fault("a fault: of this test")
        return "ok"

    assert fault_of(lambda: stumbles("a\n")) == ("ok", "")
    assert fault_of(lambda: stumbles("b\n"))[0] == "! Fault at a fault"
    assert reduced("a\nb\nc\nd\n", lambda data: fault_of(lambda: stumbles(data))[0] != "ok", 5.0) == "b\n"
