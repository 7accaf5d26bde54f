# SPDX-License-Identifier: Apache-2.0
"""The timing of `stages.py` for whole frames: all beats of a frame at once, as arrays of cycles.

A stage turns (when its inputs are offered, when its outputs are taken) into (when it takes, when it offers). A frame is
solved by going up and down the graph and evaluating again each stage for which something has changed, until nothing
does. A time depends on earlier times alone, so there is one solution, and what is found is it. How many times the graph
has to be gone through depends on how far stalls reach: a few times where buffers are large, once a beat in the worst
case; then `Unsettled` tells to follow the beats one by one.

A rigid pipeline is first taken as a system of lower bounds (its steps as close to each other as they can be), which
settles fast and from below, and only then exactly: a stall that is guessed too long would be found out slowly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .stages import Buffer, Fork, Schedule, Stage, Window

if TYPE_CHECKING:
    from .timing import Network

Cycles = NDArray[np.int64]
MAX_SWEEPS = 400  # through the graph, for a frame; in a hurry a tenth of that if all of it changes every time
_MAX_TURNS = 30  # of a pipeline alone, before its neighbours go on
_TURN_WORK = 3  # what a turn costs, in evaluations of the bounds
_EVALUATION_WORK = 1000  # what evaluating a stage costs, however few its beats
_LONG_AGO = -(1 << 60)
_NONE: Cycles = np.zeros(0, np.int64)


class Unsettled(Exception):
    """The frame has not settled within `MAX_SWEEPS`: the graph stands still, or stalls go round beat by beat.

    `work`: beats computed so far.
    """

    def __init__(self, work: int) -> None:
        super().__init__(work)
        self.work = work


class _Channel:
    """The beats of a frame between two stages.

    `offered`: from when on each is offered, but that it follows the one before. `taken`: in which cycle it moves; no
    stall is known if that is None. `past`: when the last beats before the frame moved, as many as matter; `last`: when
    the very last did.
    """

    def __init__(self) -> None:
        self.offered, self.taken, self.past, self.last = _NONE, None, _NONE, -1
        self.reach = 0

    offered: Cycles
    taken: Cycles | None
    past: Cycles

    def times(self) -> Cycles:
        """When the beats moved, once the frame is solved."""
        assert self.taken is not None
        return self.taken

    def known(self, beats: int) -> Cycles:
        """`past` and `taken`, as far as known, for so many beats of the frame."""
        return np.concatenate([self.past, np.full(beats, _LONG_AGO) if self.taken is None else self.taken])

    def close(self) -> None:
        times = self.times()
        past = times if self.reach <= len(times) else np.concatenate([self.past, times])
        self.past, self.last = past[len(past) - min(self.reach, len(past)) :].copy(), int(times[-1])
        self.offered, self.taken = _NONE, None


def _rising(cycles: Cycles, last: int) -> Cycles:
    """The first cycles not before those given, one after the other and all after `last`."""
    places = np.arange(len(cycles))
    found = cycles - places
    found[0] = max(int(found[0]), last + 1)
    np.maximum.accumulate(found, out=found)
    found += places
    return found


def _made_by(ticks: Cycles, makes: Cycles, steps: int) -> Cycles:
    """For each tick the sum of `(tick - make) // steps + 1` over `makes`, without a table of all pairs."""
    rounds, rest = np.divmod(makes, steps)
    whole, within = np.divmod(ticks, steps)
    return whole * len(makes) - rounds.sum() + np.searchsorted(np.sort(rest), within, side="right")


class _Solver(ABC):
    """A stage of one network, with what it remembers from frame to frame."""

    def __init__(self, inputs: Sequence[_Channel], outputs: Sequence[_Channel]) -> None:
        self.inputs, self.outputs = inputs, outputs

    @abstractmethod
    def bound(self) -> tuple[list[Cycles], list[Cycles]]:
        """When the inputs are taken and the outputs offered; of a rigid pipeline no later than that."""

    def stalls(self) -> bool:
        """Whether the bounds may not be exact."""
        return False

    def exact(self) -> tuple[list[Cycles], list[Cycles], bool]:
        """As `bound`, and whether that is the answer to what the neighbours do now."""
        return *self.bound(), True

    def turns(self) -> int:
        """What the last `exact` cost, in evaluations of `bound`."""
        return 1

    def close(self) -> None:
        """End the frame, whose channels are solved."""

    def memory(self) -> Iterator[Cycles]:
        """Cycles of beats before that the future depends on."""
        return iter(())


class _Buffer(_Solver):
    def __init__(self, stage: Buffer, inputs: Sequence[_Channel], outputs: Sequence[_Channel]) -> None:
        super().__init__(inputs, outputs)
        self.depth, self.latency, self.most_held, self.held = stage.depth, stage.latency, 0, _NONE
        outputs[0].reach = stage.depth or 0

    def bound(self) -> tuple[list[Cycles], list[Cycles]]:
        (source,), (out,) = self.inputs, self.outputs
        cycles = source.offered
        if self.depth is not None:
            gone, beats = out.known(len(cycles)), len(cycles)
            free = self.depth - len(out.past)  # beats for which there is room from the start
            cycles = cycles.copy()
            if free < beats:
                np.maximum(cycles[free:], gone[: beats - free] + 1, out=cycles[free:])
        taken = _rising(cycles, source.last)
        return [taken], [taken + self.latency]

    def close(self) -> None:
        arrivals, gone = self.inputs[0].times(), np.concatenate([self.held, self.outputs[0].times()])
        places = np.arange(1 + len(self.held), 1 + len(self.held) + len(arrivals))
        self.most_held = max(self.most_held, int((places - np.searchsorted(gone, arrivals)).max()))
        self.held = gone[np.searchsorted(gone, arrivals[-1], side="right") :].copy()

    def memory(self) -> Iterator[Cycles]:
        yield self.held


class _Window(_Solver):
    def __init__(self, stage: Window, inputs: Sequence[_Channel], outputs: Sequence[_Channel]) -> None:
        super().__init__(inputs, outputs)
        self.stage, self.need = stage, np.maximum.accumulate(stage.need)
        outputs[0].reach = max(0, -int(stage.free.min()))

    def bound(self) -> tuple[list[Cycles], list[Cycles]]:
        (source,), (out,), stage = self.inputs, self.outputs, self.stage
        frames = len(source.offered) // len(stage.free)
        gone = out.known(frames * stage.frame_beats)
        free = np.add.outer(np.arange(frames) * stage.frame_beats, stage.free).reshape(-1) + len(out.past)
        room = gone[np.maximum(free, 0)] + 1
        room[free < 0] = _LONG_AGO
        taken = _rising(np.maximum(source.offered, room), source.last)
        ready = taken.reshape(frames, -1)[:, self.need] + stage.latency
        ready[:, self.need < 0] = 0
        return [taken], [np.repeat(ready.reshape(-1), stage.repeats)]


class _Fork(_Solver):
    def bound(self) -> tuple[list[Cycles], list[Cycles]]:
        (source,) = self.inputs
        taken = source.offered
        for out in self.outputs:
            if out.taken is not None:
                taken = np.maximum(taken, out.taken)
        taken = _rising(taken, source.last)
        offered = np.maximum(source.offered, np.concatenate([[source.last], taken[:-1]]) + 1)
        return [taken], [offered] * len(self.outputs)


class _Rigid(_Solver):
    """A pipeline. A *tick* is a cycle of its own clock, which stands still in a stall.

    The taking steps of a frame are ticks `steps * round + taking` if nothing ever waits, its outputs ticks
    `steps * round + makes`; `owners` are the taking steps that they come from, -1 for the last of the round before.
    """

    def __init__(self, stage: Schedule, inputs: Sequence[_Channel], outputs: Sequence[_Channel], beats: int) -> None:
        super().__init__(inputs, outputs)
        taking = np.array(sorted({step for steps in stage.takes for step in steps}), np.int64)
        made = np.array(stage.makes, np.int64)
        self.taking, self.makes, self.steps = taking, made + stage.latency, stage.steps
        self.rounds = beats // len(stage.takes[0])
        self.columns = [np.searchsorted(taking, np.array(steps)) for steps in stage.takes]
        self.owners = np.searchsorted(taking, made, side="right") - 1
        before = np.append(taking, taking[-1] - stage.steps)  # the last entry is that of owner -1
        self.distances = self.makes - before[self.owners]
        # outputs that at the least are gone at each taking step, those of frames before included
        self.gone = _made_by(taking, self.makes, stage.steps)
        self.last_step = int(taking[-1]) - stage.steps  # tick of the last taking step before the frame, and its cycle
        self.last_taken = self.last_step
        self.tail_offered, self.tail_taken, self.tail_ticks = _NONE, _NONE, _NONE  # outputs that may stall the frame
        self.offered = _NONE  # as found last
        self.taken_steps = _NONE
        self._turns = 0

    def _add_ticks(self, cycles: Cycles, ticks: Cycles, sign: int) -> Cycles:
        """Add the tick of each beat in place."""
        table = cycles.reshape(self.rounds, -1)
        table += sign * ticks
        table += sign * self.steps * np.arange(self.rounds)[:, None]
        return cycles

    def _offered_steps(self) -> Cycles:
        """For each taking step from when on all that it takes is offered."""
        if len(self.inputs) == 1:
            return self.inputs[0].offered.copy()
        found = np.full((self.rounds, len(self.taking)), _LONG_AGO)
        for channel, columns in zip(self.inputs, self.columns, strict=True):
            found[:, columns] = np.maximum(found[:, columns], channel.offered.reshape(self.rounds, -1))
        return found.reshape(-1)

    def _owned(self, steps: Cycles, before: int) -> Cycles:
        """For each output the entry of `steps` of its owner; `before` is that of the last frame's last step."""
        width = len(self.taking)
        if len(self.owners) == width == 1 and self.owners[0] == 0:
            return steps.copy()
        if self.owners[0] >= 0:
            return steps.reshape(self.rounds, width)[:, self.owners].reshape(-1)
        places = np.add.outer(np.arange(self.rounds) * width, self.owners + 1).reshape(-1)
        return np.concatenate([[before], steps])[places]

    def _taken_inputs(self, steps: Cycles) -> list[Cycles]:
        if len(self.inputs) == 1:
            return [steps]
        table = steps.reshape(self.rounds, -1)
        return [table[:, columns].reshape(-1) for columns in self.columns]

    def _first(self, cycles: Cycles) -> Cycles:
        """Steps in the order of time: of slack against their ticks, none before that of the frame before."""
        self._add_ticks(cycles, self.taking, -1)
        cycles[0] = max(int(cycles[0]), self.last_taken - self.last_step)
        return cycles

    def bound(self) -> tuple[list[Cycles], list[Cycles]]:
        slack, (out,) = self._first(self._offered_steps()), self.outputs
        outputs, tail = self.rounds * len(self.makes), len(self.tail_ticks)
        delays = None
        if tail or out.taken is not None:
            now = (
                np.full(outputs, _LONG_AGO) if out.taken is None else self._add_ticks(out.taken.copy(), self.makes, -1)
            )
            delays = np.concatenate([[_LONG_AGO], self.tail_taken - self.tail_ticks, now])
            np.maximum.accumulate(delays, out=delays)
            gone = np.add.outer(np.arange(self.rounds) * len(self.makes), self.gone + tail).reshape(-1)
            np.maximum(slack, delays[np.maximum(gone, 0)], out=slack)
        np.maximum.accumulate(slack, out=slack)
        offered = self._owned(slack, self.last_taken - self.last_step)
        if delays is not None:
            np.maximum(offered, delays[tail : tail + outputs], out=offered)
            np.maximum.accumulate(offered, out=offered)
        return self._found(self._add_ticks(slack, self.taking, 1), self._add_ticks(offered, self.makes, 1))

    def _found(self, steps: Cycles, offered: Cycles) -> tuple[list[Cycles], list[Cycles]]:
        self.taken_steps, self.offered = steps, offered
        return self._taken_inputs(steps), [offered]

    def stalls(self) -> bool:
        return bool((self.tail_taken > self.tail_offered).any()) or not np.array_equal(
            self.outputs[0].times(), self.offered
        )

    def exact(self) -> tuple[list[Cycles], list[Cycles], bool]:
        settled, self._turns = False, 0
        taken, offered = list[Cycles](), list[Cycles]()
        while not settled and self._turns < _MAX_TURNS:
            before = self.offered
            taken, offered = self._turn()
            settled = np.array_equal(before, offered[0])
            self._turns += 1
        return taken, offered, settled

    def turns(self) -> int:
        return _TURN_WORK * self._turns

    def _turn(self) -> tuple[list[Cycles], list[Cycles]]:
        """The answer to the stalls that the offers found last make."""
        starts, taken = self._stalls()
        lengths = taken - starts
        stalled = np.flatnonzero(lengths)
        sums = np.concatenate([[0], np.cumsum(lengths[stalled])])
        begins = starts[stalled]
        ticks = begins - sums[:-1]  # from here on, ticks count from cycle 0 without the stalls
        steps = self._offered_steps()
        place = np.searchsorted(begins, steps)
        inside = np.concatenate([[_LONG_AGO], ticks])[place]
        steps -= sums[place]
        slack = self._first(np.maximum(steps, inside, out=steps))
        np.maximum.accumulate(slack, out=slack)
        steps = self._add_ticks(slack, self.taking, 1)
        steps += sums[np.searchsorted(ticks, steps, side="right")]
        offered = self._owned(steps, self.last_taken)
        in_flight = self._stalled_in_flight(offered, taken, np.concatenate([[0], np.cumsum(lengths)]))
        offered.reshape(self.rounds, -1)[:] += self.distances
        offered += in_flight
        return self._found(steps, offered)

    def _stalls(self) -> tuple[Cycles, Cycles]:
        """When each output, those of the tail first, begins to be offered and is taken, from what was found last."""
        (out,) = self.outputs
        first = self._add_ticks(np.zeros(len(self.offered), np.int64), self.makes, 1)
        ticks = np.concatenate([self.tail_ticks, first])
        offered = np.concatenate([self.tail_offered, self.offered])
        delays = np.maximum(np.concatenate([self.tail_taken, out.times()]), offered) - ticks
        np.maximum.accumulate(delays, out=delays)
        taken = delays + ticks
        begins = np.concatenate([[_LONG_AGO if len(self.tail_ticks) else out.last + 1 - ticks[0]], delays[:-1]])
        begins += ticks
        return np.maximum(offered, begins, out=begins), taken

    def _stalled_in_flight(self, entered: Cycles, taken: Cycles, sums: Cycles) -> Cycles:
        """For each output the stalls by those before it that were not gone when its step was done."""
        own = np.arange(len(self.tail_ticks), len(taken))
        return sums[own] - sums[np.minimum(np.searchsorted(taken, entered, side="right"), own)]

    def close(self) -> None:
        starts, taken = self._stalls()
        first = self._add_ticks(np.zeros(len(taken) - len(self.tail_ticks), np.int64), self.makes, 1)
        ticks = np.concatenate([self.tail_ticks, first]) - self.rounds * self.steps
        self.last_taken = int(self.taken_steps[-1])
        late = taken > self.last_taken
        self.tail_offered, self.tail_taken, self.tail_ticks = starts[late], taken[late], ticks[late]
        self.offered, self.taken_steps = _NONE, _NONE

    def memory(self) -> Iterator[Cycles]:
        yield from (np.array([self.last_taken]), self.tail_offered, self.tail_taken)


class FrameRun:
    """Frames of a network, one after the other, from the first cycle after reset.

    `hurried`: Unsettled as soon as following the beats one by one is likely to be quicker.
    """

    def __init__(
        self, network: Network, frame_interval: int = 0, max_work: int | None = None, *, hurried: bool = False
    ) -> None:
        self.network, self.interval, self.ends = network, frame_interval, list[int]()
        self.channels = [_Channel() for _ in network.beats]
        self._solvers: list[_Solver] = []
        for stage, inputs, outputs in network.stages:
            ports = ([self.channels[c] for c in inputs], [self.channels[c] for c in outputs])
            self._solvers.append(_solver(stage, *ports, network.beats[inputs[0]]))
        self._makers = {c: number for number, (_, _, outputs) in enumerate(network.stages) for c in outputs}
        self._takers = {c: number for number, (_, inputs, _) in enumerate(network.stages) for c in inputs}
        self._changed = set[int]()
        self.start = 0  # cycle in which the first beat was taken
        self.work = 0  # beats computed
        self._most, self._limit = max_work, 0  # of work: in all, in this frame
        self._sweeps = MAX_SWEEPS // 10 if hurried else _MAX_TURNS * MAX_SWEEPS

    def frame(self) -> None:
        """Offer one more frame and follow it to its end. Unsettled if that takes too long."""
        offered = np.zeros(self.network.beats[0], np.int64)
        offered[0] = len(self.ends) * self.interval
        self.channels[0].offered = offered
        sweep = sum(self.network.beats) + _EVALUATION_WORK * len(self._solvers)
        self._limit = self.work + self._sweeps * sweep
        if self._most is not None:
            self._limit = min(self._limit, self._most)
        sweeps = self._settle(set(range(len(self._solvers))), 0, exact=False)
        self._settle({number for number, solver in enumerate(self._solvers) if solver.stalls()}, sweeps, exact=True)
        for solver in self._solvers:
            solver.close()
        if not self.ends:
            self.start = int(self.channels[0].times()[0])
        for channel in self.channels:
            channel.close()
        self.ends.append(self.channels[self.network.output].last)

    def _settle(self, changed: set[int], sweeps: int, *, exact: bool) -> int:
        """Evaluate stages, forwards and backwards in turn, until nothing changes; the sweeps made so far."""
        self._changed, forwards = changed, True
        while self._changed:
            if sweeps >= MAX_SWEEPS or self.work > self._limit:
                raise Unsettled(self.work)
            order = range(len(self._solvers))
            for number in order if forwards else reversed(order):
                if number in self._changed:
                    self._evaluate(number, exact=exact)
            forwards, sweeps = not forwards, sweeps + 1
        return sweeps

    def _evaluate(self, number: int, *, exact: bool) -> None:
        _, inputs, outputs = self.network.stages[number]
        self._changed.discard(number)
        solver = self._solvers[number]
        taken, offered, settled = solver.exact() if exact else (*solver.bound(), True)
        work = _EVALUATION_WORK + sum(self.network.beats[port] for port in (*inputs, *outputs))
        self.work += work * (solver.turns() if exact else 1)
        if not settled:
            self._changed.add(number)
        for port, cycles in zip(inputs, taken, strict=True):
            self._take(port, cycles)
        for port, cycles in zip(outputs, offered, strict=True):
            channel = self.channels[port]
            if np.array_equal(channel.offered, cycles):
                continue
            channel.offered = cycles
            if port in self._takers:
                self._changed.add(self._takers[port])
            else:
                self._take(port, _rising(cycles, channel.last))

    def _take(self, port: int, cycles: Cycles) -> None:
        channel = self.channels[port]
        if channel.taken is None or not np.array_equal(channel.taken, cycles):
            channel.taken = cycles
            if port in self._makers:
                self._changed.add(self._makers[port])

    def state(self) -> tuple[object, ...]:
        """All that the future depends on, relative to the end of the last frame; equal states have equal futures."""
        end, hashed = self.ends[-1], blake2b(digest_size=16)
        ahead = len(self.ends) * self.interval - self.channels[0].last
        for cycles in (
            *(np.append(channel.past, channel.last) for channel in self.channels),
            *(cycles for solver in self._solvers for cycles in solver.memory()),
        ):
            hashed.update((cycles - end).tobytes() + b"|")
        return max(0, ahead), hashed.digest()

    def occupancy(self) -> tuple[int, ...]:
        """For each stage the most beats held at once if it is a Buffer; else 0."""
        return tuple(solver.most_held if isinstance(solver, _Buffer) else 0 for solver in self._solvers)


def _solver(stage: Stage, inputs: Sequence[_Channel], outputs: Sequence[_Channel], beats: int) -> _Solver:
    match stage:
        case Buffer():
            return _Buffer(stage, inputs, outputs)
        case Window():
            return _Window(stage, inputs, outputs)
        case Fork():
            return _Fork(inputs, outputs)
        case Schedule():
            return _Rigid(stage, inputs, outputs, beats)
