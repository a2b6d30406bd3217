# Custode. `make help` lists the targets. Each of them sets up what it needs first.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:

bin := .venv/bin

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## what Custode needs of the system, and .venv (PYTHON=… for another Python)
	@packaging/linux/setup.sh

.PHONY: run
run: setup ## tray, panel and a token to play with; without a display the demonstration as text
	@if [ -t 0 ] && [ -n "$${WAYLAND_DISPLAY:-$${DISPLAY:-}}" ]; then \
		exec $(bin)/custode demo --play; else exec $(bin)/custode demo; fi

.PHONY: test
test: setup format lint types imports ## everything that CI checks; closes with pytest's summary
	@$(bin)/pytest -n 4 --dist worksteal --cov --cov-report= --session-timeout=1800
	@packaging/coverage.sh

.PHONY: unit
unit: setup ## the quick tests only (ARGS=… goes to pytest)
	@$(bin)/pytest -q -m "not slow and not e2e" $(ARGS)

.PHONY: fmt
fmt: setup ## format the code, and mend what ruff can mend
	@$(bin)/ruff format --quiet
	@$(bin)/ruff check --fix --quiet || $(bin)/ruff check

.PHONY: format
format: setup ## is the code formatted?
	@report=$$($(bin)/ruff format --check 2>&1) || { echo "$$report"; echo "make fmt does it"; exit 1; }
	@echo "format   ok"

.PHONY: lint
lint: setup ## ruff
	@$(bin)/ruff check --quiet
	@echo "lint     ok"

.PHONY: types
types: setup ## mypy, strict, over code and tests
	@$(bin)/mypy --no-error-summary
	@echo "types    ok"

.PHONY: imports
imports: setup ## who may import whom
	@report=$$($(bin)/lint-imports --no-logo 2>&1) || { echo "$$report"; exit 1; }
	@echo "imports  ok"

.PHONY: invariants
invariants: setup ## the state machine over domain and authority, for long (STORIES=1000)
	@CUSTODE_INVARIANTS=$(or $(STORIES),1000) $(bin)/pytest -q -n 2 --dist worksteal --durations=0 tests/invariants

.PHONY: conformance
conformance: setup ## all that is asked of tokens, of every stack (ONLY=…); table in docs/tokens.md
	@$(bin)/python -m custode_drivers.testing.conformance.running docs/tokens.md $(ONLY)

.PHONY: coverage
coverage: ## what of the pure packages the last `make test` did not reach
	@$(bin)/coverage report

.PHONY: bench
bench: ## measure ourselves beside our peers; writes bench/results.json
	@WITH=bench packaging/linux/setup.sh
	@$(bin)/python -m bench.run

.PHONY: faults
faults: setup ## kill -9 everywhere (COUNT=1000 SEED=… goes on with that one; ONLY=operation)
	@COUNT=$(COUNT) SEED=$(SEED) ONLY="$(ONLY)" $(bin)/python -m tests.faults.campaign

.PHONY: fuzz
fuzz: setup ## fuzz every reader with atheris (TIME=60 seconds each; ONLY="cms rpc")
	@WITH=fuzz packaging/linux/setup.sh
	@TIME=$(or $(TIME),60) $(bin)/python -m tests.fuzz $(ONLY)

.PHONY: screens
screens: setup ## pictures of windows and tray, to be looked at: build/screens (README=1: its own)
	@WITH=screens packaging/linux/setup.sh
	@$(bin)/python -m tests.desktop.screens $(if $(README),readme)

.PHONY: constraints
constraints: setup ## pin anew after a change of dependencies (UPGRADE=1: newest versions)
	@packaging/constraints.sh

.PHONY: openapi
openapi: setup ## write docs/openapi.json: what the authority's counter takes and gives
	@$(bin)/python -c 'import msgspec; from custode_authority.web.app import published; \
		print(msgspec.json.format(published(), indent=2).decode())' >docs/openapi.json.partial
	@mv docs/openapi.json.partial docs/openapi.json

.PHONY: clean
clean: ## remove .venv, caches and reports
	@rm -rf .venv .venv-openpgp build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .fuzz .coverage .coverage.* htmlcov
	@find agent drivers authority tests -type d -name __pycache__ -prune -exec rm -rf {} +
