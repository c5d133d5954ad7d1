"""How long one invocation takes, for several files under the same conditions.

All files live in one process with one thread each and take turns: every round invokes each file
once, the order turning by one from round to round, so that whatever else the machine does hits all
files alike. Only `invoke` is timed; each round draws new random ids first, so rows do not stay in a
cache just because the same ids came before.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcompress.errors import ConfigError, first_line
from tfcompress.measure.inputs import ModelInput, resize, takes_batches
from tfcompress.measure.measurement import Latency

MIN_RUNS = 50
_WARM_UP = 10


@dataclass(frozen=True)
class Runner:
    """A file that takes turns.

    Attributes:
        interpreter: ai_edge_litert Interpreter. One thread.
        inputs: sequence of ModelInput. What `find_inputs` said.
    """

    interpreter: Any
    inputs: Sequence[ModelInput]


@dataclass(frozen=True)
class Timings:
    """What came of one file's turns.

    Attributes:
        latency: dict of batch size to Latency.
        refused: dict of batch size to the runtime's reason, for a graph that does not run with it.
    """

    latency: dict[int, Latency] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)


def measure_latency(
    runners: Sequence[Runner], *, batch_sizes: Sequence[int] = (1, 32), runs: int = 200
) -> list[Timings]:
    """Times the invocations of several models in turns.

    Args:
        runners: sequence of Runner.
        batch_sizes: sequence of int. A model whose batch is fixed is timed once, as it is, and
            reported under 1.
        runs: int. Timed invocations per file and batch size, at least 50.

    Returns:
        `Timings` of each runner.

    Raises:
        ConfigError: Fewer than 50 runs, or a batch size below 1.
    """
    check_runs(batch_sizes, runs)
    results = [Timings() for _ in runners]
    for batch in sorted({1, *batch_sizes}):
        turns: dict[int, _Turn] = {}
        for place, runner in enumerate(runners):
            if batch in batch_sizes if takes_batches(runner.inputs) else batch == 1:
                try:
                    turns[place] = _Turn(runner, batch)
                except (RuntimeError, ValueError) as error:
                    results[place].refused[batch] = first_line(error)
        for place, times in zip(turns, _take_turns(list(turns.values()), runs), strict=True):
            p50, p95 = np.percentile(times, [50, 95]) / 1000.0
            results[place].latency[batch] = Latency(p50=float(p50), p95=float(p95))
    return results


def check_runs(batch_sizes: Sequence[int], runs: int) -> None:
    """Raises `ConfigError` for arguments of `measure_latency` that are out of range."""
    if runs < MIN_RUNS:
        raise ConfigError(f"runs must be at least {MIN_RUNS}, received {runs}")
    if not batch_sizes or min(batch_sizes) < 1:
        raise ConfigError(f"batch_sizes must be positive integers, received {list(batch_sizes)}")


class _Turn:
    """One model at one batch size."""

    def __init__(self, runner: Runner, batch: int) -> None:
        self._rng = np.random.default_rng(0)  # equal inputs for models of equal shape
        self._interpreter = runner.interpreter
        self._inputs = runner.inputs
        self._batch = batch
        resize(runner.interpreter, runner.inputs, batch)
        # The warm-up; a graph that cannot run at this batch size fails here.
        for _ in range(_WARM_UP):
            self.time()

    def time(self) -> int:
        """Nanoseconds of one invocation, on inputs that were not there before."""
        for current in self._inputs:
            self._interpreter.set_tensor(current.index, current.draw(self._rng, self._batch))
        start = time.perf_counter_ns()
        self._interpreter.invoke()
        return time.perf_counter_ns() - start


def _take_turns(turns: Sequence[_Turn], runs: int) -> NDArray[np.int64]:
    """Nanoseconds, int64 array of shape `(len(turns), runs)`."""
    times = np.zeros((len(turns), runs), np.int64)
    collecting = gc.isenabled()
    gc.disable()
    try:
        for number in range(runs):
            for step in range(len(turns)):
                place = (number + step) % len(turns)
                times[place, number] = turns[place].time()
    finally:
        if collecting:
            gc.enable()
    return times
