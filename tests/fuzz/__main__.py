# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.fuzz --cases 20000 --seed 1`: damaged models and IR; faults with a reproducer each.

Kinds of cases: `onnx` (half of them), and IR: of the levels `graph`, `typed`, `dataflow`, and of the textual tests
(`lit`). What a case goes through stands in `case.py`. A reproducer is written to the folder of `--out`;
`--only KIND:NUMBER` runs one case in this process.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from . import corpus
from .case import KINDS, make_case, run_case
from .farm import Found, cases_of, fuzz


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0, help="another seed, other cases")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="folder of the reproducers; default: a new one")
    parser.add_argument("--only", help="KIND:NUMBER")
    options = parser.parse_args()
    if options.only:
        kind, number = options.only.split(":")
        print(run_case(make_case(int(number), kind)))
        return 0
    if reason := corpus.absent_models():
        print(reason)
    outcomes, found = fuzz(cases_of(options.seed, options.cases, options.kinds.split(",")), options.workers)
    report(outcomes, found, options.out or Path(tempfile.mkdtemp(prefix="fuzz")))
    return 1 if found else 0


def report(outcomes: Counter[str], found: list[Found], folder: Path) -> None:
    for outcome, count in sorted(outcomes.items()):
        print(f"{count:7}  {outcome}")
    folder.mkdir(parents=True, exist_ok=True)
    for number, fault in enumerate(found):
        file = folder / f"{number}{'.onnx' if isinstance(fault.data, bytes) else '.mlir'}"
        if isinstance(fault.data, bytes):
            file.write_bytes(fault.data)
        else:
            file.write_text(fault.data, encoding="utf-8", newline="")
        print(f"\n{fault.count} x {fault.key}\n  first: {fault.name}; reproducer: {file}\n  {fault.message[:600]}")
    print(f"{sum(outcomes.values())} cases, {len(found)} distinct faults")


if __name__ == "__main__":
    sys.exit(main())
