# Two commands do everything on a fresh machine with Python 3.11 and make: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
N ?= 20000

.PHONY: demo test check format bench test-gen agreement clean

demo: $(VENV)/installed
	$(BIN)/ebi-rules demo --force

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Benchmarks print figures and assert nothing about time: they are no tests.
bench: $(VENV)/installed-dev
	$(BIN)/python -m tests.bench.low_back --rows 5000000

# Random extracts dense around the rule's boundaries: mismatches with the reference, by evaluator.
agreement: $(VENV)/installed-dev
	$(BIN)/python -m tests.engines.agreement --rows 200000

# The long run of generated rules and extracts: N examples a layout.
test-gen: $(VENV)/installed-dev
	EBI_EXAMPLES=$(N) $(BIN)/python -m pytest tests/generative

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or later is needed: make PYTHON=..."'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) ebi-demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
