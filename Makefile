# Set-up is one virtual environment, .venv, made from the pinned requirements; everything runs in it.
# Paths are relative, so that the project's own path may hold spaces.

PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name) >/dev/null 2>&1 && $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
BIN := .venv/bin
export PYTHONPATH := plugins:include
# Where it is set, every process compiles all that it imports, which for Airflow takes 15 seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo up test lint format bench chaos mutants lock clean

help:  ## This list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /	/' | expand -t 10

.venv/installed: requirements-dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found. Set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Installing into .venv ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@# uv is quicker, and does not read pip's configuration: where only pip knows an index, pip does it.
	@VIRTUAL_ENV=.venv $(BIN)/python -m uv pip install --quiet -r requirements-dev.txt 2>.venv/uv.log \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch .venv/installed

setup: .venv/installed  ## The virtual environment, with everything in it

demo: setup  ## 10,000 messy contacts through a real Dag to the stand-in Phonon and back
	@$(BIN)/python -m demo

up: setup  ## Airflow with its UI and the stand-in Phonon, until Ctrl-C
	@$(BIN)/python -m demo.up

test: lint  ## Lint, types, import rules, and the whole test suite
	@$(BIN)/python -m pytest -n 3 --dist loadgroup -q

lint: setup  ## Lint, types, import rules
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/lint-imports --no-logo

format: setup  ## Format the code
	@$(BIN)/python -m ruff check --fix .
	@$(BIN)/python -m ruff format .

bench: setup  ## The benchmarks, printed as a table
	@$(BIN)/python -m benchmarks

# REPLAY=7 prints the schedule of seed 7 step by step.
chaos: setup  ## Disasters for a night: SEEDS=1000000 schedules, then every fault on real processes
	@PYTHONPATH=plugins:include:tests $(BIN)/python -m simulation $(if $(REPLAY),--replay $(REPLAY),--seeds $(or $(SEEDS),100000))
	@$(if $(REPLAY),true,PHONON_ALL_FAULTS=1 $(BIN)/python -m pytest -q tests/faults)

mutants: setup  ## Break the protocol on purpose, in a copy, and see a test catch each break
	@PYTHONPATH=plugins:include:tests $(BIN)/python -m mutations

lock: setup  ## Pin the requirements anew, from pyproject.toml
	@$(BIN)/python -m uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --upgrade \
		--no-header --no-annotate -q -o requirements.txt
	@$(BIN)/python -m uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
		--no-header --no-annotate -q -c requirements.txt -o requirements-dev.txt

clean:  ## Remove everything that make has made
	@rm -rf .venv .airflow .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
