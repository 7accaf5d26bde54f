# SPDX-License-Identifier: Apache-2.0
"""Cases on several processes, each held to a time and an amount of memory; faults by exception and line, made small."""

from __future__ import annotations

import multiprocessing
import resource
import signal
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from . import corpus
from .case import Case, make_case, run_case
from .reduction import reduced

TIME_LIMIT = 10  # seconds of a case that the processor works
MAKING_LIMIT = 60  # of making one: passes up to its level among it
PATIENCE = 150  # seconds by the clock until a process is ended: for the corpus at first, a case, other work beside it
MEMORY_LIMIT = 4 << 30  # bytes
REDUCTION_TIME = 20  # seconds


@dataclass
class Found:
    """A fault, the first case that shows it, and that case's input, made small."""

    key: str
    name: str
    message: str
    data: bytes | str
    count: int = 1


def cases_of(seed: int, count: int, kinds: list[str]) -> Iterator[tuple[str, int]]:
    """(kind, number) of cases, half of them of the first kind."""
    first, rest = kinds[0], kinds[1:] or kinds
    for index in range(count):
        number = seed * 1_000_000 + index
        yield (first if index % 2 == 0 else rest[index // 2 % len(rest)], number)


def fault_of(attempt: Callable[[], str], limit: int = TIME_LIMIT) -> tuple[str, str]:
    """(outcome, message); the outcome of a fault is `! exception at file:line`."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"more than {limit} s")

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, limit)
    try:
        return attempt(), ""
    except Exception as fault:
        signal.setitimer(signal.ITIMER_PROF, 0)
        return f"! {type(fault).__name__} at {_place(fault)}", f"{fault}"[:2000]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _place(fault: BaseException) -> str:
    """The innermost line of the product; of a fault that a case states, what it is about."""
    if type(fault).__name__ == "Fault":
        return str(fault).partition(":")[0][:80]
    frames = traceback.extract_tb(fault.__traceback__)
    ours = [frame for frame in frames if _is_ours(frame.filename)]
    if isinstance(fault, TimeoutError):
        ours = ours[:4]
    frame = (ours or list(frames))[-1]
    return f"{'/'.join(frame.filename.split('/')[-3:])}:{frame.lineno}"


def _is_ours(file: str) -> bool:
    return file.startswith("/") and not {"site-packages", "fuzz", "lib"} & set(file.split("/"))


def _work(pipe: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    corpus.node_tests()  # takes seconds, once
    warnings.simplefilter("error")
    seen = set[str]()
    while True:
        task = pipe.recv()
        if task is None:
            return
        kind, number = task
        made = list[Case]()
        outcome, message = fault_of(lambda: made.append(make_case(number, kind)) or "made", MAKING_LIMIT)
        if made:
            outcome, message = fault_of(lambda: run_case(made[0]))
        data: bytes | str = ""
        if outcome.startswith("!") and outcome not in seen:
            seen.add(outcome)
            pipe.send("reducing")
            data = _small(made[0], outcome) if made else ""
        pipe.send((outcome, message, data))


def _small(case: Case, outcome: str) -> bytes | str:
    if outcome.startswith(("! TimeoutError", "! MemoryError")):
        return case.data

    def shows(data: bytes | str) -> bool:
        return fault_of(lambda: run_case(Case(case.kind, data, case.seed)))[0] == outcome

    return reduced(case.data, shows, REDUCTION_TIME)


class _Worker:
    """A process, the case that it is at, and since when."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: Any = context.Process(target=_work, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.case: tuple[str, int] | None = None
        self.until = 0.0

    def begin(self, case: tuple[str, int]) -> None:
        self.case, self.until = case, time.monotonic() + PATIENCE
        self.pipe.send(case)

    def end(self) -> None:
        self.process.kill()
        self.process.join()


def fuzz(cases: Iterable[tuple[str, int]], num_workers: int) -> tuple[Counter[str], list[Found]]:
    """Run cases; counts of outcomes by kind, and the distinct faults."""
    waiting, outcomes, found = iter(cases), Counter[str](), dict[str, Found]()
    workers = [_Worker() for _ in range(num_workers)]
    for worker in workers:
        _next(worker, waiting)
    while busy := [worker for worker in workers if worker.case is not None]:
        ready = wait([worker.pipe for worker in busy], 1.0)
        for worker in busy:
            if worker.pipe in ready:
                answer = _answer(worker)
            elif time.monotonic() > worker.until:
                answer = ("! does not end", "", "")
            else:
                continue
            if answer == "reducing":
                worker.until = time.monotonic() + PATIENCE
                continue
            _note(worker, answer, outcomes, found)
            if answer[0] in ("! does not end", "! process died"):
                worker.end()
                workers[workers.index(worker)] = worker = _Worker()
            _next(worker, waiting)
    for worker in workers:
        worker.end()
    return outcomes, list(found.values())


def _answer(worker: _Worker) -> Any:
    try:
        return worker.pipe.recv()
    except EOFError:
        return ("! process died", "", "")


def _next(worker: _Worker, waiting: Iterator[tuple[str, int]]) -> None:
    worker.case = None
    for case in waiting:
        worker.begin(case)
        return


def _note(worker: _Worker, answer: Any, outcomes: Counter[str], found: dict[str, Found]) -> None:
    outcome, message, data = answer
    assert worker.case is not None
    kind, number = worker.case
    outcomes[f"{kind}: {outcome}"] += 1
    if not outcome.startswith("!"):
        return
    if outcome in found:
        found[outcome].count += 1
        if data and len(data) < len(found[outcome].data):
            found[outcome].data = data
        return
    found[outcome] = Found(outcome, f"{kind}:{number}", message, data)
