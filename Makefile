# Everything runs from a virtual environment of its own; python3 (3.11 or newer) is all it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip
INSTALLED := $(VENV)/.installed
READY := $(VENV)/.ready

# Two for each core, as one waits while another works, but no more than there is memory for.
PROCESSES ?= $(shell $(PYTHON) -c 'import os; print(min(2 * (os.cpu_count() or 1), 8))')

.DEFAULT_GOAL := help
.PHONY: help run test lint format screenshots bench clean

help: ## show the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.python: Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "asynqhub-tui needs Python 3.11 or newer (PYTHON=/path/to/python3)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@touch $@

$(INSTALLED): $(VENV)/.python pyproject.toml constraints.txt
	@$(PIP) install --quiet --editable .
	@touch $@

$(READY): $(INSTALLED)
	@$(PIP) install --quiet --editable '.[test,lint]'
	@touch $@

run: $(INSTALLED) ## open the dashboard on the embedded demo (ARGS="--backend postgres" for another)
	@$(BIN)/asynqhub-tui $(ARGS)

test: $(READY) ## run every test, on real servers that it starts itself
	@$(BIN)/python -m pytest -n $(PROCESSES) --dist worksteal $(ARGS)

lint: $(READY) ## check format, style, types and the direction of imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(READY) ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

screenshots: $(READY) ## draw screenshots/ anew
	@$(BIN)/python -m tests.screens.make_screenshots

bench: $(READY) ## measure, and print a table (SIZE=large for the large one, PART=... for one part)
	@$(BIN)/python -m tests.benchmarks --size $(or $(SIZE),small) $(if $(PART),--part $(PART))

clean: ## remove the virtual environment and the caches
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
