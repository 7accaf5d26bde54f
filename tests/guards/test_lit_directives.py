# SPDX-License-Identifier: Apache-2.0
"""Every directive in a lit file is one that lit or filecheck reads.

Both skip in silence what they do not know: `CHECK-NEXT foo` without a colon, `CHEKC: foo`, or a prefix that no RUN line
names would check nothing.
"""

import difflib
import re
from pathlib import Path

import pytest

LIT_TESTS = Path(__file__).parents[2] / "lit_tests"
LIT_KEYWORDS = {"RUN", "COM", "REQUIRES", "UNSUPPORTED", "XFAIL", "DEFINE", "REDEFINE", "ALLOW_RETRIES"}
SUFFIXES = ("", "-NEXT", "-SAME", "-NOT", "-DAG", "-LABEL", "-EMPTY")
WORD = re.compile(r"(?://|#) *([A-Za-z][A-Za-z0-9_-]*)(\{LITERAL\})?( *)(:?)")
PREFIX_OPTION = re.compile(r"--?check-prefix(?:es)?[= ]([\w,-]+)")


def check_prefixes(text: str) -> set[str]:
    """Prefixes that the RUN lines of a file make filecheck look for."""
    commands = " ".join(re.findall(r"RUN:(.*)", text)).replace("\\ ", " ")
    prefixes = {name for names in PREFIX_OPTION.findall(commands) for name in names.split(",")}
    plain = [use for use in re.split(r"[|;&]", commands) if "filecheck" in use and not PREFIX_OPTION.search(use)]
    return prefixes | ({"CHECK"} if plain else set())


def faults(text: str) -> list[str]:
    """Directives that nothing would read, each with its line."""
    directives = {prefix + suffix for prefix in check_prefixes(text) for suffix in SUFFIXES}
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        for word, _, space, colon in WORD.findall(line):
            known = re.sub(r"-COUNT-\d+$", "", word) in directives
            if word in LIT_KEYWORDS or known:
                wrong = not colon or bool(space)
            else:
                shouted = word.isupper() and len(word) > 2
                near = difflib.get_close_matches(word.upper(), [*directives, "CHECK", "RUN"], cutoff=0.8)
                wrong = shouted and bool(colon or near)
            if wrong:
                found.append(f"{number}: {line.strip()}")
    return found


def test_lit_files() -> None:
    files = [path for kind in ("*.mlir", "*.test") for path in sorted(LIT_TESTS.rglob(kind))]
    found = [f"{path.relative_to(LIT_TESTS)}:{fault}" for path in files for fault in faults(path.read_text())]
    assert not found, "\n".join(found)


RUN = "// RUN: qopt %s | filecheck %s\n"


@pytest.mark.parametrize(
    "line",
    [
        "// CHECK-NEXT %1 = q.add",
        "// CHECK %1 = q.add",
        "// CHECK : %1",
        "// CHEKC: %1",
        "// CHECK_NEXT: %1",
        "// CHECK-NXT: %1",
        "// CHECK-NEXT-NOT: %1",
        "// OTHER: %1",
        "// RUN qopt %s",
        "%1 = q.add %0, %0 // CHECK-SAME q.add",
    ],
)
def test_faulty_directive_is_refused(line: str) -> None:
    assert faults(RUN + line) == [f"2: {line}"]


@pytest.mark.parametrize(
    "line",
    [
        "// CHECK: %1 = q.add",
        "// CHECK-COUNT-3: q.add",
        "// CHECK{LITERAL}: [[1, 2]]",
        "// CHECK-EMPTY:",
        "// A scale below 1 is left alone: checked by the lines below.",
        "// FIFO depths stay.",
        "// -----",
        "#map = affine_map<(d0) -> (d0)>",
    ],
)
def test_sound_line_is_accepted(line: str) -> None:
    assert faults(RUN + line) == []


def test_prefixes_of_run_lines() -> None:
    text = "// RUN: qopt %s | filecheck %s --check-prefix=FAST\n// RUN: qopt %s | \\\n// RUN: filecheck %s\n"
    assert check_prefixes(text) == {"FAST", "CHECK"}
    assert check_prefixes("// RUN: qopt %s | filecheck %s --check-prefixes A,B") == {"A", "B"}
