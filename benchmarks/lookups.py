"""Times lookups of several .tflite files in turns: one process, one thread."""

import time
from collections.abc import Callable

import numpy as np

BATCHES = (1, 32, 512)
ROUNDS = 30
INVOKES = 50
WARM_UP = 20


def runner(content: bytes, ids: np.ndarray) -> tuple[Callable[[], None], Callable[[], np.ndarray]]:
    """What invokes a lookup of `ids`, and what fetches its rows afterwards."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    given = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(given, ids.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given, ids)
    output = interpreter.get_output_details()[0]["index"]
    return interpreter.invoke, lambda: interpreter.get_tensor(output)


def latencies_us(made: dict[str, bytes], rows: int, batch: int) -> dict[str, float]:
    """Median microseconds of a lookup of `batch` random ids, by file.

    The files take turns, so that whatever else the machine does falls on all of them alike.
    """
    ids = np.random.default_rng(batch).integers(0, rows, batch).astype(np.int32)
    invokes = {name: runner(content, ids)[0] for name, content in made.items()}
    samples: dict[str, list[float]] = {name: [] for name in made}
    for invoke in invokes.values():
        for _ in range(WARM_UP):
            invoke()
    for _ in range(ROUNDS):
        for name, invoke in invokes.items():
            for _ in range(INVOKES):
                start = time.perf_counter_ns()
                invoke()
                samples[name].append((time.perf_counter_ns() - start) / 1000)
    return {name: float(np.median(values)) for name, values in samples.items()}
