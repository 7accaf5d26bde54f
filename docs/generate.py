# SPDX-License-Identifier: Apache-2.0
"""Write docs/passes.md and docs/dialects.md from the code, or check that they are fresh (`--check`).

Pass pages come from the table of passes, their docstrings and options; each example is the first part of the pass's lit
file, run through `qopt` here. Dialect pages come from the definitions of types, attributes and operations.
"""

import argparse
import contextlib
import difflib
import inspect
import io
import os
import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from qopt_mlir.driver.cli import main as qopt
from qopt_mlir.passes.catalogue import PassInfo, all_passes
from qopt_mlir.passes.pipelines import PIPELINES
from qopt_mlir.qdialect.dataflow import Dataflow
from qopt_mlir.qdialect.q import Q
from xdsl.ir import Attribute, Dialect, Operation
from xdsl.irdl import (
    OptOperandDef,
    OptPropertyDef,
    OptResultDef,
    VarOperandDef,
    VarResultDef,
)

DOCS = Path(__file__).parent
PASS_TESTS = DOCS.parent / "lit_tests" / "passes"
NOTE = "<!-- written by docs/generate.py -->\n"
DIRECTIVE = re.compile(r"\s*//\s*[A-Z][A-Z0-9_{}-]*:")


def code(text: str, language: str = "mlir") -> str:
    return f"```{language}\n{text.strip()}\n```\n"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, or nothing if there are no rows."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles), *lines, ""]) if lines else ""


# passes


def pass_sections(documentation: str) -> list[str]:
    """Paragraphs of a pass's docstring after its summary, without the hand-written Before and After.

    `Exact:`, `Needs:`, `Keeps:` and `Leaves:` become paragraphs of their own.
    """
    _, _, body = documentation.partition("\n\n")
    body = re.sub(r"^(?:Before|After)\b[^\n]*:\n(?:[ \t]+\S.*\n?|\n)*", "\n", body, flags=re.MULTILINE)
    body = re.sub(r"(?:^|\n|   *)(?=(?:Exact|Approximate|Needs|Keeps|Leaves):)", "\n\n", body)
    paragraphs = [inspect.cleandoc(part) for part in re.split(r"\n\s*\n", body) if part.strip()]
    return [re.sub(r"^(\w+):", r"*\1:*", paragraph) for paragraph in paragraphs]


def lit_pipeline(name: str, text: str) -> str:
    """The argument of `-p` in the first RUN line that has one."""
    for line in re.findall(r"RUN:(.*)", text.replace("\\\n", " ")):
        words = shlex.split(line)
        if "-p" in words[:-1]:
            return words[words.index("-p") + 1].replace("%examples", "examples")
    raise SystemExit(f"{name}: no RUN line of its lit file has -p")


def example(name: str) -> tuple[str, str, str, str]:
    """Caption, pipeline, IR before and IR after, from the first part of the pass's lit file."""
    path = PASS_TESTS / f"{name.removeprefix('q-').replace('-', '_')}.mlir"
    if not path.exists():
        raise SystemExit(f"{name}: there is no {path.relative_to(DOCS.parent)}, whose first part is its example")
    text = path.read_text()
    lines = [line for line in re.split(r"(?m)^// -----$", text)[0].splitlines() if not DIRECTIVE.match(line)]
    caption = " ".join(line.strip().removeprefix("//").strip() for line in lines if line.strip().startswith("//"))
    before = "\n".join(line for line in lines if not line.strip().startswith("//")).strip()
    pipeline = lit_pipeline(name, text)
    return caption, pipeline, before, run_qopt(name, pipeline, before)


def run_qopt(name: str, pipeline: str, text: str) -> str:
    """What `qopt -p PIPELINE` prints for the IR `text`."""
    output, stdin = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), sys.stdin
    os.chdir(DOCS.parent)  # where `examples` is
    sys.stdin = io.StringIO(text)
    try:
        with contextlib.redirect_stdout(output):
            status = qopt(["-p", pipeline])
    finally:
        sys.stdin = stdin
    if status:
        raise SystemExit(f"{name}: the example of its lit file is refused")
    output.flush()
    return output.buffer.getvalue().decode()


def pass_page(info: PassInfo) -> str:
    caption, pipeline, before, after = example(info.name)
    rows = [(f"`{o.name}`", f"`{o.type}`", f"`{o.default}`" if o.default else "", o.comment) for o in info.options]
    parts = [
        f"## {info.name}\n",
        f"{info.summary.rstrip('.')}. {'Exact' if info.exact else 'Approximate'}.\n",
        *(f"{paragraph}\n" for paragraph in pass_sections(info.documentation)),
        table(("option", "type", "default", "meaning"), rows),
        f"Example, `qopt -p '{pipeline}'`. {caption}\n",
        code(before),
        "becomes\n",
        code(after),
    ]
    return "\n".join(part for part in parts if part)


def passes_page() -> str:
    passes = all_passes()
    overview = [
        (f"[`{info.name}`](#{info.name})", "exact" if info.exact else "approximate", info.summary) for info in passes
    ]
    pipelines = [(f"`{name}`", ", ".join(f"`{step}`" for step in steps)) for name, steps in PIPELINES.items()]
    parts = [
        "# Passes\n",
        NOTE,
        "An exact pass keeps every output bit for every input; an approximate one reports its error.\n",
        table(("pass", "kind", "what it does"), overview),
        "## Named pipelines\n",
        table(("pipeline", "passes"), pipelines),
        *(pass_page(info) for info in passes),
    ]
    return "\n".join(parts)


# dialects

OPTIONAL = (OptOperandDef, OptResultDef, OptPropertyDef)
VARIADIC = (VarOperandDef, VarResultDef)
SEGMENTS = ("operandSegmentSizes", "resultSegmentSizes")


def documentation(definition: type) -> str:
    """The docstring as Markdown, its sections apart."""
    return re.sub(r"\n(?=```mlir)", "\n\n", inspect.getdoc(definition) or "")


def kind_of(definition: Any) -> str:
    """What an operand, result or property may be: names of attributes or types, and optional or any number."""
    constraint = getattr(definition, "constr", None)
    bases = constraint.get_bases() if hasattr(constraint, "get_bases") else None
    kinds = [" or ".join(sorted(f"`{base.name}`" for base in bases))] if bases else []
    if isinstance(definition, OPTIONAL):
        kinds.append("optional")
    elif isinstance(definition, VARIADIC):
        kinds.append("any number")
    return ", ".join(kinds)


def operation_section(operation: type[Operation]) -> str:
    definition = operation.get_irdl_definition()  # type: ignore[attr-defined]
    groups = {
        "operand": definition.operands,
        "result": definition.results,
        "property": [(name, part) for name, part in sorted(definition.properties.items()) if name not in SEGMENTS],
    }
    rows = [(f"`{name}`", group, kind_of(part)) for group, parts in groups.items() for name, part in parts]
    return "\n".join([f"#### {operation.name}\n", documentation(operation) + "\n", table(("name", "", "what"), rows)])


def attribute_section(attribute: type[Attribute]) -> str:
    return f"#### {attribute.name}\n\n{documentation(attribute)}\n"


def dialect_section(dialect: Dialect) -> str:
    module = inspect.getdoc(sys.modules[f"qopt_mlir.qdialect.{dialect.name}"]) or ""
    overview = [
        (f"[`{operation.name}`](#{operation.name.replace('.', '')})", documentation(operation).partition("\n")[0])
        for operation in dialect.operations
    ]
    parts = [
        f"## The {dialect.name} dialect\n",
        f"{module}\n",
        table(("operation", "what it computes"), overview),
        f"### Types and attributes of {dialect.name}\n",
        *(attribute_section(attribute) for attribute in dialect.attributes),
        f"### Operations of {dialect.name}\n",
        *(operation_section(operation) for operation in dialect.operations),
    ]
    return "\n".join(parts)


def dialects_page() -> str:
    return "\n".join(["# Dialects\n", NOTE, *(dialect_section(dialect) for dialect in (Q, Dataflow))])


def main() -> int:
    """Write the pages, or with `--check` show how those on disk differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 if a page is stale")
    check = parser.parse_args().check
    stale = False
    for file, page in (("dialects.md", dialects_page), ("passes.md", passes_page)):
        path = DOCS / file
        fresh = re.sub(r"\n{3,}", "\n\n", page()).rstrip() + "\n"
        on_disk = path.read_text() if path.exists() else ""
        if on_disk == fresh:
            continue
        stale = True
        if check:
            sys.stdout.writelines(difflib.unified_diff(on_disk.splitlines(True), fresh.splitlines(True), file, "code"))
        else:
            path.write_text(fresh)
    if check and stale:
        print("the pages are stale: run `python docs/generate.py`", file=sys.stderr)
    return int(check and stale)


if __name__ == "__main__":
    sys.exit(main())
