# Everything runs in a virtual environment of its own; a fresh machine needs Python 3.11 or later, git and make.
# The first that runs and is new enough: a name on the PATH may be a shim of a version that is not active.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN = .venv/bin
STAMP = .venv/.installed

.PHONY: run test check bench soak clean

run: $(STAMP)
	$(BIN)/comarca demo

test: $(STAMP)
	$(BIN)/python -m pytest tests -n 2 --dist loadfile

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test

bench: $(STAMP)
	$(BIN)/python -m pytest benchmarks -s -q -o python_files='bench_*.py'

soak: $(STAMP)
	$(BIN)/python -m tests.soak

$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later, with venv, is needed" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $(STAMP)

clean:
	rm -rf .venv build dist *.egg-info
