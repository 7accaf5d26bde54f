# SPDX-License-Identifier: Apache-2.0
"""Fixtures that make each model once for a module of tests."""

from __future__ import annotations

import pytest
from qopt_mlir.qdialect.reference import Plan, compile_function
from xdsl.dialects.builtin import ModuleOp

from .models import MODELS, Model, typed


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> Model:
    """Each model; the test is skipped where the collection is absent."""
    model = MODELS[request.param]
    if model.missing:
        pytest.skip(model.missing)
    return model


@pytest.fixture(scope="module")
def typed_module(model: Model) -> ModuleOp:
    """The typed level, for the formats of a build."""
    return typed(model, model.input_formats)


@pytest.fixture(scope="module")
def plan(typed_module: ModuleOp) -> Plan:
    return compile_function(typed_module)
