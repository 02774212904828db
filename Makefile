# Everything runs in a virtual environment of its own, .venv; a bare machine needs make and Python 3.11 or later.
#
#   make run     an example territory, settled and served        make bench   the benchmarks, with their floors
#   make test    every test, real PostgreSQL included            make soak    a server killed a hundred times
#   make check   lint, types, storeys and every test             make fuzz    5,000 requests by chance, against OpenAPI
#   make clean   the environment and what was built

# The first that runs and is new enough: a name on the PATH may be a shim of a version that is not active, and some
# systems keep what venv needs (ensurepip) in a package of its own.
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
export PIP_ROOT_USER_ACTION = ignore

# Stamps, set when a step is done: whoever only runs the ledger fetches no tools and no PostgreSQL, and only who measures
# what draws the plot.
MADE := .venv/.made
RUNS := .venv/.runs
TESTS := .venv/.tests
BENCH := .venv/.bench

.PHONY: run test check bench fuzz soak clean

run: $(RUNS)
	$(BIN)/comarca demo

test: $(TESTS)
	$(BIN)/python -m pytest tests -n 2 --dist loadfile

check: $(TESTS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test

bench: $(BENCH)
	$(BIN)/python -m pytest benchmarks -s -q -o python_files='bench_*.py' --docs docs

fuzz: $(TESTS)
	$(BIN)/python -m tests.fuzz

soak: $(TESTS)
	$(BIN)/python -m tests.soak

$(MADE):
	@test -n "$(PYTHON)" || { echo "comarca needs Python 3.11 or later with venv and ensurepip" \
		"(Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

$(RUNS): pyproject.toml $(MADE)
	$(PIP) install --quiet --editable .
	@touch $@

$(TESTS): pyproject.toml $(MADE)
	$(PIP) install --quiet --editable '.[dev]'
	@touch $@ $(RUNS)

$(BENCH): $(TESTS)
	$(PIP) install --quiet --editable '.[dev,bench]'
	@touch $@

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
