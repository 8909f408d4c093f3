# Two commands for everybody: make demo and make test. The rest is for those who change the code.

.DEFAULT_GOAL := help
.PHONY: help demo test lint format audit constraints clean FORCE

# The first of these that is Python 3.11 or newer makes .venv; make PYTHON=... leaves no other choice.
ifdef PYTHON
PYTHONS := "$(PYTHON)"
else
PYTHONS := python3 python3.13 python3.12 python3.11 python
endif

BIN := .venv/bin
comma := ,
# The constraints apply to isolated builds too: newer versions of pip read the second variable, older ones ignore it.
# They have no hashes, since pip accepts none beside an editable install.
PIP := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt $(BIN)/python -m pip --disable-pip-version-check
# The app is tried in a browser where there is one.
TESTS := test$(if $(shell command -v chromium chromium-browser google-chrome),$(comma)browser)
# One more than there are cores: tests of the app wait for it half of the time.
WORKERS = $$(( $$($(BIN)/python -c 'import os; print(os.cpu_count() or 1)') + 1 ))
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

demo: .venv/installed ## run the quickstart: bills, demand and who saw what
	@$(BIN)/smarter run quickstart

test: lint ## everything: ruff, mypy, import rules, pytest
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

lint: .venv/installed-for-tests ## all of that but pytest
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/lint-imports --no-logo

format: .venv/installed-for-tests ## put the code in order, as ruff sees it
	@$(BIN)/python -m ruff check --fix .
	@$(BIN)/python -m ruff format .

audit: .venv/made-in ## ask for published advisories about the versions in constraints.txt
	@$(BIN)/python -c 'import pip_audit' 2>/dev/null || $(PIP) install --quiet pip-audit || true
	@$(BIN)/python .ci/advisories.py constraints.txt

# One file for every Python and system; editables is what hatchling adds for an editable install.
constraints: .venv/made-in ## renew constraints.txt by the newest releases that pyproject.toml allows
	@$(BIN)/python -c 'import uv' 2>/dev/null || $(PIP) install --quiet uv
	@echo editables | $(BIN)/python -m uv pip compile pyproject.toml - --quiet --upgrade \
	    --universal --python-version 3.11 --all-extras --strip-extras \
	    --custom-compile-command 'make constraints' --output-file constraints.txt

clean: ## remove .venv, caches and built files
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find smarter plugins tests -name __pycache__ -type d -prune -exec rm -rf {} +

# What is installed is installed again only when pyproject.toml or constraints.txt has changed.

.venv/installed: .venv/made-in pyproject.toml constraints.txt
	@echo 'Installing Smarter into .venv ...'
	@$(PIP) install --quiet --editable .
	@touch $@

.venv/installed-for-tests: .venv/made-in pyproject.toml constraints.txt
	@echo 'Installing Smarter and what its tests need into .venv ...'
	@$(PIP) install --quiet --editable '.[$(TESTS)]'
	@touch $@ .venv/installed

# A virtual environment is bound to its place and its Python: one of ours that has lost either is made anew;
# one that somebody made by hand is taken as it is.
ifneq ($(shell test -x $(BIN)/python && cat .venv/made-in 2>/dev/null),$(CURDIR))
.venv/made-in: FORCE
endif

.venv/made-in:
	@rm -f .venv/installed .venv/installed-for-tests
	@if ! test -e $@ && $(BIN)/python -c '$(NEW_ENOUGH)' 2>/dev/null; then pwd -P > $@; exit; fi; \
	for python in $(PYTHONS); do \
	    if "$$python" -c '$(NEW_ENOUGH)' 2>/dev/null; then \
	        "$$python" -m venv --clear .venv && pwd -P > $@ && exit; \
	        echo "$$python could not make .venv: where Python comes in parts, install python3-venv." >&2; \
	        exit 1; \
	    fi; \
	done; \
	echo 'No Python 3.11 or newer found among:' $(PYTHONS) >&2; \
	echo 'Install one, or name it: make demo PYTHON=/path/to/python' >&2; \
	exit 1

FORCE:
