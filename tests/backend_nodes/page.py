# SPDX-License-Identifier: Apache-2.0
"""docs/onnx_nodes.md: which test cases of the onnx package pass, by op. `python -m tests.backend_nodes.page`."""

import argparse
import re
import traceback
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import onnx

from .cases import Outcome, cases, operator, outcome

PAGE = Path(__file__).parents[2] / "docs" / "onnx_nodes.md"
HEAD = """\
<!-- written by tests/backend_nodes/page.py -->
# ONNX ops

The test cases of onnx {version} (kinds node, simple, pytorch-operator, pytorch-converted), imported and executed on the
reference: {passed} pass, {refused} are refused by name, none gives a wrong result. A case that gives shapes, axes or
indices as inputs of the network runs with these as initialisers. A case that ONNX also states by simpler ops counts
twice.

Reasons of refusals: *element type*: float16, bfloat16, 8-bit floats and strings have no arithmetic here, and float64
does not enter a network; *known only at run time*: shapes, axes, indices, conditions that depend on the inputs of the
network; *sequence or optional value*: only tensors; *no elements*: empty tensors; *training*: nothing but inference;
*op*: no importer; *form of the op*: an attribute or combination that is not supported, named in the message.

| op | passed | refused | reasons |
|---|---|---|---|
"""


@dataclass
class Table:
    """Outcomes by op."""

    outcomes: dict[str, list[Outcome]] = field(default_factory=lambda: defaultdict(list))
    failures: dict[str, str] = field(default_factory=dict)

    def total(self, kind: str) -> int:
        return sum(outcome.kind == kind for outcomes in self.outcomes.values() for outcome in outcomes)

    def text(self) -> str:
        head = HEAD.format(version=onnx.__version__, passed=self.total("passed"), refused=self.total("refused"))
        return head + "".join(self._row(op) for op in sorted(self.outcomes, key=lambda op: (" " in op, op)))

    def _row(self, op: str) -> str:
        kinds = Counter(outcome.kind for outcome in self.outcomes[op])
        reasons = Counter(outcome.reason for outcome in self.outcomes[op] if outcome.kind == "refused")
        listed = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        return f"| {op} | {kinds['passed'] or ''} | {kinds['refused'] or ''} | {listed} |\n"


def table_of_all() -> Table:
    """Every case run; what raises anything but a refusal has failed."""
    table, all_cases = Table(), list(cases())
    names = {case.name: case for case in all_cases}
    for case in all_cases:
        try:
            result = outcome(case)
        except Exception:
            result = Outcome("failed", traceback.format_exc())
        table.outcomes[operator(case, names)].append(result)
        if result.kind == "failed":
            table.failures[case.name] = result.message
    return table


def pinned_version() -> str:
    """The version of onnx whose cases the page counts."""
    found = re.search(r"cases of onnx ([\d.]+\d)", PAGE.read_text())
    assert found is not None
    return found[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the page instead of writing it")
    check = parser.parse_args().check
    table = table_of_all()
    for name, message in table.failures.items():
        print(f"{name}: {message}")
    if check and PAGE.read_text() != table.text():
        print(f"{PAGE} is not fresh")
        return 1
    if not check and not table.failures:
        PAGE.write_text(table.text())
    return 1 if table.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
