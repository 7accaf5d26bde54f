# SPDX-License-Identifier: Apache-2.0
"""Registration with xDSL: plain `xdsl-opt` knows our dialects, passes and targets (entry point `xdsl.universe`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from xdsl.universe import Universe

from ..backends import TARGETS, target_class
from ..passes import PASSES

if TYPE_CHECKING:
    from xdsl.ir import Dialect
    from xdsl.passes import ModulePass


def _q() -> Dialect:
    from ..qdialect.q import Q

    return Q


def _dataflow() -> Dialect:
    from ..qdialect.dataflow import Dataflow

    return Dataflow


def _pass(name: str) -> type[ModulePass]:
    from ..passes.runner import load_pass

    return load_pass(name)


_passes: dict[str, Callable[[], type[ModulePass]]] = {name: partial(_pass, name) for name in PASSES}

UNIVERSE = Universe(
    all_dialects={"q": _q, "dataflow": _dataflow},
    all_passes=_passes,
    all_targets={name: partial(target_class, name) for name in TARGETS},
)
