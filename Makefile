# Everything runs in a virtual environment of its own; a fresh machine needs Python 3.11 or later, git and make.
PYTHON ?= $(shell command -v python3.13 || command -v python3.12 || command -v python3.11 || command -v python3)
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
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $(STAMP)

clean:
	rm -rf .venv build dist *.egg-info
