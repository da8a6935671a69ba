# Everything a person does with this checkout. `make` alone lists it.
#
# One virtual environment serves running and developing. Each step leaves a stamp in it that depends on the lock
# file it installed, so repeating a target costs nothing and a changed lock is installed again.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
export PYTHON
export PIP_DISABLE_PIP_VERSION_CHECK := 1

PIP_INSTALL = $(BIN)/python -m pip install --quiet --no-input --only-binary :all:
# The lock already holds every dependency and the build backend: nothing is resolved and nothing unhashed is fetched.
INSTALL_PROJECT = $(BIN)/python -m pip install --quiet --no-input --no-deps --no-build-isolation --editable .
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock" $(LOCK_ARGS) pyproject.toml

.PHONY: help setup dev demo test check test-servers chaos bench soak lock schema screenshots clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## install Wardline from the lock file into .venv

dev: $(VENV)/.developing ## the same, with all that tests and checks need

demo: setup ## run the whole system here, with eight simulated monitors; ARGS="--port 8090" passes options
	@exec $(BIN)/wardline demo $(ARGS)

test: dev test-servers ## run every test this machine can run; ARGS="tests/rules -k limits" picks some
	@$(BIN)/pytest $(ARGS)

check: dev ## what is said before a change is pushed: format, lint, types, imports, documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/repository

test-servers: ## install the servers the tests use, where this may (root on Debian)
	@tools/install-test-servers

chaos: dev test-servers ## an hour of faults: 1,000 kills, each crash point 20 times, each call to the disk failing
	WARDLINE_CHAOS_KILLS=1000 WARDLINE_CHAOS_REPEATS=20 WARDLINE_CHAOS_CALLS=500 WARDLINE_CHAOS_FREEZE_S=60 \
		$(BIN)/pytest tests/chaos -s $(CHAOS_ARGS)

bench: dev ## measure broker to alarm, end to end; ARGS="--beds 1000 --seconds 60"
	@exec $(BIN)/python benchmarks/end_to_end.py $(ARGS)

soak: dev ## half an hour of load: memory, descriptors and books must stay; SOAK_ARGS="--minutes 5 --devices 500"
	@exec $(BIN)/python benchmarks/soak.py $(SOAK_ARGS)

lock: dev ## resolve the dependencies anew; LOCK_ARGS=--upgrade takes the newest
	$(COMPILE) --extra build --output-file requirements.lock
	$(COMPILE) --extra build --extra dev --extra lake --extra sql --constraint requirements.lock --output-file requirements-dev.lock
	$(COMPILE) --extra build --extra lake --extra sql --constraint requirements-dev.lock --output-file requirements-image.lock

schema: dev ## write the JSON Schemas of the settings and rule documents, and the page of devices
	$(BIN)/python -m wardline.schemas
	$(BIN)/python -m wardline.devices_page

screenshots: dev ## take the pictures of the documentation from a running demo
	$(BIN)/python docs/screenshots.py

clean: ## remove the virtual environment and everything tools left behind
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@tools/make-venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing $$(grep -c '^[a-z].*==' requirements.lock) locked packages"
	@$(PIP_INSTALL) --require-hashes --requirement requirements.lock
	@echo "Installing wardline from this folder"
	@$(INSTALL_PROJECT)
	@touch $@

$(VENV)/.developing: requirements-dev.lock $(VENV)/.installed
	@echo "Installing $$(grep -c '^[a-z].*==' requirements-dev.lock) locked packages for development"
	@$(PIP_INSTALL) --require-hashes --requirement requirements-dev.lock
	@touch $@
