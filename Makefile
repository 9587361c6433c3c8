# `make demo`, `make test` and `make bench`. Everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test bench lint filecheck unit clean

demo: .venv/installed
	$(BIN)/ivit demo

bench: .venv/installed-bench
	$(BIN)/python -m benchmarks.cpu $(BENCH)

test: lint filecheck unit

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

filecheck: .venv/installed-test
	$(BIN)/lit -v tests/filecheck

unit: .venv/installed-test
	$(BIN)/pytest -n auto

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ivit needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	touch $@

.venv/installed-test: pyproject.toml .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[import,test]'
	touch $@

.venv/installed-bench: pyproject.toml .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[import,bench]'
	touch $@

clean:
	rm -rf .venv
