import numpy as np
import pytest

from tfcompress.errors import ConfigError
from tfcompress.measure.inputs import ModelInput, find_inputs
from tfcompress.measure.latency import Runner, measure_latency


class Recording:
    """Stands for an interpreter and writes down when it is invoked, and on what."""

    def __init__(self, name, log, largest_batch=1000):
        self.name, self.log, self.largest_batch = name, log, largest_batch

    def resize_tensor_input(self, index, shape):
        self.batch = shape[0]

    def allocate_tensors(self):
        if self.batch > self.largest_batch:
            raise RuntimeError(f"no batch of {self.batch}")

    def set_tensor(self, index, value):
        self.value = value

    def invoke(self):
        self.log.append((self.name, self.batch, self.value))


IDS = [ModelInput(0, (-1, 4), "int32", 1000)]


def test_files_take_turns_after_their_warm_up():
    log = []
    runners = [Runner(Recording(name, log), IDS) for name in "abc"]
    results = measure_latency(runners, batch_sizes=[2], runs=60)
    assert [set(result.latency) for result in results] == [{2}] * 3
    timed = [name for name, _, _ in log[-180:]]
    rounds = [timed[place : place + 3] for place in range(0, 180, 3)]
    assert all(sorted(names) == ["a", "b", "c"] for names in rounds)
    assert {names[0] for names in rounds} == {"a", "b", "c"}
    warm_up = [name for name, _, _ in log[:-180]]
    assert warm_up == sorted(warm_up)
    assert min(warm_up.count(name) for name in "abc") >= 10


def test_a_round_gives_all_files_the_same_ids_and_the_next_round_others():
    log = []
    measure_latency([Runner(Recording(name, log), IDS) for name in "ab"], batch_sizes=[1], runs=50)
    first, second, third, _ = (value for _, _, value in log[-4:])
    assert np.array_equal(first, second)
    assert not np.array_equal(first, third)


def test_no_ids_come_again():
    log = []
    measure_latency([Runner(Recording("a", log), IDS)], batch_sizes=[1], runs=50)
    assert len({value.tobytes() for _, _, value in log}) == len(log)


def test_a_real_model_has_both_percentiles_for_every_batch(ranker):
    interpreter = ranker.open()
    runner = Runner(interpreter, find_inputs(interpreter, ranker.info))
    (result,) = measure_latency([runner], runs=50)
    assert list(result.latency) == [1, 32]
    for latency in result.latency.values():
        assert 0 < latency.p50 <= latency.p95
        assert set(latency.to_json()) == {"p50", "p95"}
    assert result.refused == {}


def test_a_fixed_shape_is_timed_once_beside_the_others(fixed_shape, ranker):
    runners = []
    for model in (fixed_shape, ranker):
        interpreter = model.open()
        runners.append(Runner(interpreter, find_inputs(interpreter, model.info)))
    fixed, free = measure_latency(runners, batch_sizes=[4], runs=50)
    assert set(fixed.latency) == {1}
    assert set(free.latency) == {4}


def test_a_batch_the_graph_refuses_is_named():
    log = []
    runners = [Runner(Recording("a", log, largest_batch=1), IDS), Runner(Recording("b", log), IDS)]
    small, free = measure_latency(runners, runs=50)
    assert (set(small.latency), small.refused) == ({1}, {32: "no batch of 32"})
    assert set(free.latency) == {1, 32}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"runs": 49}, "runs must be at least 50, received 49"),
        ({"batch_sizes": []}, "batch_sizes must be positive integers"),
        ({"batch_sizes": [1, 0]}, r"batch_sizes must be positive integers, received \[1, 0\]"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ConfigError, match=message):
        measure_latency([], **arguments)
