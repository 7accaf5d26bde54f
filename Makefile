# SPDX-License-Identifier: Apache-2.0
# `make` alone lists the targets. BIN is the folder of the programs: `make check BIN=some/venv/bin/`.
BIN ?= .venv/bin/
CODE = qdialect frontends passes backends driver

.PHONY: help check format lint types test lit docs bench

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-8s %s\n", $$1, $$2}'

check: lint types docs test ## everything that must hold before a change goes in (test includes lit)

format: ## rewrite the files in the one format, sort imports
	$(BIN)ruff check --select I --fix .
	$(BIN)ruff format .

lint: ## format and rules, nothing rewritten
	$(BIN)ruff format --check .
	$(BIN)ruff check .

types: ## strict types of the code that is shipped
	$(BIN)pyright --pythonpath $(BIN)python $(CODE)

test: ## all tests, the textual ones too
	$(BIN)python -m pytest

lit: ## the textual tests, each tool started as a program
	$(BIN)lit --succinct --verbose --param shell=1 lit_tests

docs: ## the generated reference pages are fresh (`python docs/generate.py` writes them)
	$(BIN)python docs/generate.py --check

bench: ## measurements, see benchmarks/README.md
	$(BIN)python -m benchmarks
