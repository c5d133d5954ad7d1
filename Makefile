# On a fresh machine with Python 3.11 and a C compiler, `make demo` and `make test` do everything.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
STAMP  := $(VENV)/.installed
# Two processes, a file of tests each, in the order of tests/conftest.py.
WORKERS := -n 2 --dist loadfile --no-loadscope-reorder
NATIVE := CMakeLists.txt $(wildcard tfcompress/native/* tfcompress/native/delegate/*)

.PHONY: install demo test lint pytest results clean

install: $(STAMP)

# The build tools come first, so that the editable install needs no isolated build environment and
# rebuilds the C core in a second.
$(STAMP): pyproject.toml constraints.txt $(NATIVE)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -q -c constraints.txt scikit-build-core nanobind cmake ninja
	$(PIP) install -q -c constraints.txt --no-build-isolation -e '.[dev]'
	$(PIP) check
	touch $@

demo: install
	$(BIN)/tfcompress demo --overwrite

test: install lint pytest

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Twice: on the TensorFlow backend, and what trains on JAX on that as well. There most of the time
# goes into compiling programs that run a few times, so they are not optimised.
pytest: install
	KERAS_BACKEND=tensorflow $(BIN)/pytest $(WORKERS)
	KERAS_BACKEND=jax XLA_FLAGS=--xla_backend_optimization_level=0 \
		$(BIN)/pytest $(WORKERS) tests/layers tests/models tests/training \
		$(addprefix tests/search/, run/test_fine_tune.py keras_model/test_tables.py keras_model/test_straight_through.py)

# The README's results, of a sweep: tfcompress sweep benchmarks/results.toml --out $(SWEEP)
SWEEP ?= sweep
results: install
	$(BIN)/tfcompress report $(SWEEP) --png docs/results-latency.png --markdown docs/results.md --into README.md --overwrite

clean:
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
