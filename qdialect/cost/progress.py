# SPDX-License-Identifier: Apache-2.0
"""Whether a graph of stages could come to a stop, by counting beats; no cycles.

Each chain of stages between forks and joins becomes one `_Way`: how many beats must have come in before a beat can go
out, and how many must be gone before another can come in. Then a frame is pushed through, as far as it goes at once.
Pipelines are taken as in `timing.check_progress`: one takes a beat only when all that it made is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .stages import Buffer, Fork, Schedule, Stage, Window

if TYPE_CHECKING:
    from .timing import Network

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class _Way:
    """Beats of one frame through a chain of stages.

    Attributes:
        need: for each beat that goes out how many must have come in.
        room: for each beat that comes in how many must have gone out.
    """

    need: Counts
    room: Counts

    def then(self, other: _Way) -> _Way:
        """This way, and `other` behind it."""
        need, room = (np.concatenate([[0], counts]) for counts in (self.need, other.room))
        return _Way(need[other.need], room[np.maximum(self.room, 0)])


def _single(stage: Stage, beats: int) -> _Way:
    """A stage with one input of so many beats a frame."""
    match stage:
        case Buffer():
            places = np.arange(1, beats + 1)
            room = np.zeros_like(places) if stage.depth is None else places - stage.depth
            return _Way(places, room)
        case Window():
            frames = beats // len(stage.free)
            need = np.maximum.accumulate(np.repeat(stage.need, stage.repeats)) + 1
            return _Way(_tiled(need, frames, len(stage.free)), _tiled(stage.free + 1, frames, stage.frame_beats))
        case Schedule():
            taking, made = np.array(stage.takes[0], np.int64), np.array(stage.makes, np.int64)
            rounds, owners = beats // len(taking), np.searchsorted(taking, made, side="right")
            room = np.searchsorted(owners, np.arange(1, len(taking) + 1))
            return _Way(_tiled(owners, rounds, len(taking)), _tiled(room, rounds, len(made)))
        case Fork():
            raise AssertionError("a fork is no chain")


def _tiled(counts: Counts, rounds: int, step: int) -> Counts:
    return np.add.outer(np.arange(rounds) * step, counts).reshape(-1)


class _Edge:
    """A way from one node to the next, or none between them; beats that the first offers and the second has taken."""

    def __init__(self) -> None:
        self.way: _Way | None = None
        self.beats = self.offered = self.left = 0

    @property
    def space(self) -> int:
        """How many beats can have come in by now."""
        return self.left if self.way is None else int(np.searchsorted(self.way.room, self.left, side="right"))

    @property
    def available(self) -> int:
        """How many beats can go out, the room that they leave included."""
        return self.offered if self.way is None else int(np.searchsorted(self.way.need, self.offered, side="right"))

    @property
    def flows(self) -> bool:
        """Whether what a beat needs always has room once the beats before it are gone."""
        if self.way is None:
            return True
        need = np.concatenate([[0], self.way.room])[self.way.need]
        return bool((need <= np.arange(len(need))).all())


class _ForkNode:
    """Offers a beat when all branches have taken the one before."""

    def __init__(self, source: _Edge, branches: Sequence[_Edge]) -> None:
        self.source, self.branches = source, branches

    def push(self) -> None:
        available = self.source.available
        taken = min(available, *(edge.space for edge in self.branches))
        self.source.left = taken
        for edge in self.branches:
            edge.offered = min(available, taken + 1)


class _JoinNode:
    """Takes what a step needs when all of it is there, and what the steps before made is gone."""

    def __init__(self, stage: Schedule, sources: Sequence[_Edge], out: _Edge) -> None:
        self.sources, self.out = sources, out
        taking = np.array(sorted({step for steps in stage.takes for step in steps}), np.int64)
        made = np.array(stage.makes, np.int64)
        rounds = sources[0].beats // len(stage.takes[0])
        owners = np.searchsorted(taking, made, side="right") - 1
        before = np.searchsorted(owners, np.arange(len(taking)))
        self.made = np.append(_tiled(before, rounds, len(made)), rounds * len(made))  # before each step
        self.needs = [
            _tiled(np.searchsorted(np.array(steps), taking, side="right"), rounds, len(steps)) for steps in stage.takes
        ]

    def push(self) -> None:
        steps = [
            int(np.searchsorted(need, edge.available, side="right"))
            for need, edge in zip(self.needs, self.sources, strict=True)
        ]
        done = min(*steps, int(np.searchsorted(self.made[:-1], self.out.space, side="right")))
        for need, edge in zip(self.needs, self.sources, strict=True):
            edge.left = int(need[done - 1]) if done else 0
        self.out.offered = int(self.made[done])


class _Graph:
    """The nodes of a network and the edges between them."""

    def __init__(self, network: Network) -> None:
        self.nodes: list[_ForkNode | _JoinNode] = []
        self.edges: list[_Edge] = []
        ends = {0: self._edge(network.beats[0])}  # channel -> the edge that it is the end of
        ends[0].offered = network.beats[0]
        for stage, inputs, outputs in network.stages:
            sources = [ends.pop(channel) for channel in inputs]
            if not isinstance(stage, Fork) and len(sources) == 1:
                (edge,) = sources
                way = _single(stage, edge.beats)
                edge.way = way if edge.way is None else edge.way.then(way)
                edge.beats = len(way.need)
                ends[outputs[0]] = edge
                continue
            made = [self._edge(network.beats[channel]) for channel in outputs]
            ends |= dict(zip(outputs, made, strict=True))
            if isinstance(stage, Fork):
                self.nodes.append(_ForkNode(sources[0], made))
            else:
                assert isinstance(stage, Schedule)
                self.nodes.append(_JoinNode(stage, sources, made[0]))
        (self.output,) = ends.values()

    def _edge(self, beats: int) -> _Edge:
        edge = _Edge()
        edge.beats = beats
        self.edges.append(edge)
        return edge

    def passes(self) -> bool:
        """Push a frame through; whether all of it arrives."""
        if not all(edge.flows for edge in self.edges):
            return False
        before, state = -1, 0
        while before < state:
            for node in self.nodes:
                node.push()
            self.output.left = self.output.available
            before, state = state, sum(edge.offered + edge.left for edge in self.edges)
        return all(edge.left == edge.beats for edge in self.edges)


def surely_progresses(network: Network) -> bool:
    """Whether nothing can stop the graph. If not, it mostly can come to a stop."""
    return _Graph(network).passes()
