# `make help` lists what people type; every target does its own set-up.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
VULKAN := build/vulkan

.PHONY: help setup run test check fix bench load demo-backup fault-check screenshots vulkan-check image image-boot image-test factory-model evaluate-factory-model clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 24

setup: $(STAMP) ## Make .venv with the command atre in it

# The stamp is newer than what it was made from, or set-up runs again.
$(STAMP): pyproject.toml .ci/constraints.txt .ci/set-up .ci/install-restic
	@PYTHON=$(PYTHON) .ci/set-up $(VENV)
	@.ci/install-restic $(VENV)
	@touch $@
	@echo "set-up: done. Start the box with: make run"

run: setup ## Start the box for this machine and the LAN
	@exec $(BIN)/atre serve --lan $(ARGS)

test: setup ## Install what tests need, then run checks and the whole suite
	@.ci/install-test-packages
	@.ci/install-axe
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m pytest -n 2 $(ARGS)

check: setup ## Run the linters and type checks alone
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fix: setup ## Format, and mend what the linter can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup ## Race this engine against llama-server and time the chat's pages (a quarter of an hour, on a quiet machine)
	@$(BIN)/python -m tests.benchmarks --page docs/performance.md $(ARGS)
	@$(BIN)/python -m tests.benchmarks.chat_pages --page docs/performance.md

load: setup ## Have forty people use a box at once, and tell how long its pages take
	@ATRE_LOAD_ROUNDS=20 $(BIN)/python -m pytest -q tests/integration/test_load.py $(ARGS)

demo-backup: setup ## Fill a box, back it up, destroy it, restore it on a new one, and compare
	@$(BIN)/python -m tests.demo.backup

fault-check: setup ## Cut the power 240 times in backups and restores, and write docs/reliability.md (Linux, root; some ten minutes)
	@$(BIN)/python -m tests.faults --page docs/reliability.md $(ARGS)

screenshots: setup ## Draw every page anew (tests/browser/screenshots), the README's four and the icons
	@.ci/install-test-packages
	@$(BIN)/python -m pytest -q tests/browser/draw_pages.py $(ARGS)

vulkan-check: $(VULKAN)/.ready ## Try the portable build, with Vulkan on the processor (builds once, a quarter of an hour)
	@$(VULKAN)/bin/python -m pytest -o python_files='check_*.py' tests/vulkan $(ARGS)

$(VULKAN)/.ready: pyproject.toml .ci/constraints.txt .ci/set-up .ci/set-up-vulkan
	@.ci/install-test-packages vulkan-packages.txt
	@PYTHON=$(PYTHON) .ci/set-up-vulkan $(VULKAN)
	@touch $@

image: ## Build the image to flash, its update bundle and its bill of materials (Debian, root; the first time takes long)
	@image-build/build.sh

image-boot: setup ## Start the built image once in an emulated machine: READY, found, claimed, asked, switched off (five minutes)
	@.ci/install-test-packages image-packages.txt
	@$(BIN)/python -m pytest -o python_files='check_*.py' tests/image/check_boot.py $(ARGS)

# Two at a time: an emulated machine has one processor.
image-test: setup ## Try the built image in emulated machines: start, claim, update, sick versions, power cuts (two hours)
	@.ci/install-test-packages image-packages.txt
	@image-build/trials.sh
	@rm -rf build/image/report
	@$(BIN)/python -m pytest -n 2 -o python_files='check_*.py' tests/image $(ARGS)
	@cat build/image/report/*.json

factory-model: setup ## Train the factory model again (about an hour on two cores)
	@image-build/factory-model/build.sh

evaluate-factory-model: setup ## Ask a box the held-out questions and print the table (some minutes)
	@cd image-build/factory-model && ../../$(BIN)/python evaluate.py $(ARGS)

clean: ## Remove the virtual environments and caches
	rm -rf $(VENV) $(VULKAN) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
