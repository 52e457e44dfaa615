# The two commands that matter: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help install demo test check fuzz torture bench bench-full bench-builders clean

help:
	@echo "make demo     install into .venv and show what pithstore does, on real records"
	@echo "make test     everything that CI checks"
	@echo "make check    the fast half: lint, format, types, import contracts"
	@echo "make install  .venv with pithstore and all that its tests need"
	@echo "make bench    the benchmarks (minutes)"
	@echo "make bench-full  all of benchmarks/RESULTS.md (half an hour, 4 GB in the temporary directory, PITHSTORE_CORPORA)"
	@echo "make bench-builders  two builders of 1.5 million sources (a quarter of an hour)"
	@echo "make fuzz     the laws of the pure layers, 100 times longer; then the fuzzers, PITHSTORE_FUZZ_SECONDS (900) each"
	@echo "make torture  faults of every kind, for an hour: kill -9, power cuts, flipped bits, full disks"
	@echo "make clean    take away what the above made"

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

install: $(VENV)/installed

demo: install
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

check: install
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-cache

test: check
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest -n 2 --dist worksteal tests/pure
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report
	$(BIN)/python -m pytest -n 2 --dist worksteal --ignore tests/pure

fuzz: install
	HYPOTHESIS_PROFILE=long PITHSTORE_PAIRS=1000000 PITHSTORE_VALUES=10000000 $(BIN)/python -m pytest tests/pure --timeout 0
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]' || echo "without atheris: accidents by chance"
	set -e; for target in parser codecs packs references; do $(BIN)/python -m tests.fuzz $$target; done

torture: install
	$(BIN)/python -m tests.faults.torture --minutes 55
	PITHSTORE_LONG=1 $(BIN)/python -m pytest tests/engine tests/store --timeout 0 -m process

$(VENV)/bench: $(VENV)/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]' || echo "some stores to compare with are missing"
	@touch $@

bench: install $(VENV)/bench
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/diff.py
	$(BIN)/python benchmarks/history.py
	$(BIN)/python benchmarks/builders.py
	$(BIN)/python benchmarks/ingest.py --rounds 2
	$(BIN)/python benchmarks/scale.py

FULL := build/bench

bench-full: install $(VENV)/bench
	mkdir -p $(FULL)
	$(BIN)/python benchmarks/startup.py --json > $(FULL)/startup.json
	$(BIN)/python benchmarks/ingest.py --json --rounds 2 --generated typical:2000x10 --corpus ror:40000 vulndb eol > $(FULL)/ingest.json
	$(BIN)/python benchmarks/scale.py --json --full > $(FULL)/scale.json
	$(BIN)/python benchmarks/report.py --take $(FULL)

bench-builders: install
	$(BIN)/python benchmarks/builders.py --sources 1500000

clean:
	rm -rf $(VENV) .coverage .hypothesis .mypy_cache .ruff_cache .pytest_cache build dist src/*.egg-info
