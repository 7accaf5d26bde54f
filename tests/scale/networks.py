# SPDX-License-Identifier: Apache-2.0
"""The generators of the benchmarks, for tests."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parents[2] / "benchmarks" / "topologies.py"


def _load() -> Any:
    spec = spec_from_file_location("topologies", _FILE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


topologies = _load()
