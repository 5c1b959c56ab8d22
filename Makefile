# Everything here works on a machine with nothing but Python (3.11 to 3.14), pip and make. Each target
# makes its own virtual environment and brings it up to date when a lock file has changed.

PYTHON ?= python3
VENV   ?= .venv
# Tests wait more than they compute: two for each core.
JOBS   ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))

BIN    := $(VENV)/bin
# A Python without ensurepip (Debian packs it apart) makes an environment without pip; the pip outside
# installs into it then.
PIP    := $$(test -x $(BIN)/pip && echo "$(BIN)/python -m pip" || echo "$(PYTHON) -m pip --python $(BIN)/python")
INSTALL = $(PIP) install --quiet --no-input --disable-pip-version-check
UV_LOCK = uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## say what can be made
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/.runtime ## onboard 60 databases onto a local emulator, twice; no credentials needed
	@$(BIN)/python -m bulkconn demo

.PHONY: fleet
fleet: $(VENV)/.dev ## the services of docker-compose.yml as processes: three workers, one of them killed
	@$(BIN)/python -m tests.fleet

.PHONY: test
test: $(VENV)/.dev ## run every test (JOBS=... at a time, two for each core unless given)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

# Without the conftest of all tests, which wants drivers of databases that this has no use for.
.PHONY: test-aws
test-aws: ## secrets in AWS, against moto's server, in an environment of its own
	@$(MAKE) --no-print-directory VENV=$(VENV)/aws $(VENV)/aws/.aws
	@$(VENV)/aws/bin/python -m pytest --confcutdir=tests/integration/secretrefs \
	  tests/integration/secretrefs/test_moto.py

.PHONY: check
check: $(VENV)/.dev ## lint, formatting, types, import contracts, 100 % coverage of the pure rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	COVERAGE_FILE=.coverage.pure $(BIN)/python -m pytest tests/unit/core tests/unit/sources -q -n $(JOBS) \
	  --cov=bulkconn.core --cov=bulkconn.sources --cov-branch --cov-fail-under=100

SEEDS ?= 2000
.PHONY: simulate
simulate: $(VENV)/.dev ## play SEEDS=2000 runs on virtual time, full of faults and crashes, on all cores
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS)

# The alternatives live in an environment of their own: aepp brings pandas, and bulkconn needs none of it.
.PHONY: bench
bench: $(VENV)/.dev ## measure bulkconn beside the alternatives: half an hour on a quiet machine (BENCH="--only limits")
	@$(MAKE) --no-print-directory VENV=$(VENV)/alternatives $(VENV)/alternatives/.alternatives
	@BENCH_ALTERNATIVES=$(abspath $(VENV))/alternatives $(BIN)/python -m benchmarks --json bench.json $(BENCH)

.PHONY: bench-short
bench-short: ## the same in minutes: three rounds, fewer rows
	@$(MAKE) --no-print-directory bench BENCH="--short $(BENCH)"

.PHONY: bench-check
bench-check: $(VENV)/.dev ## fail where bulkconn became twice as slow beside an alternative, three times in a row
	@$(BIN)/python -m benchmarks --check

.PHONY: lock
lock: ## resolve the newest dependencies that pyproject.toml allows, with hashes
	@set -e; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools"; "$$tools/bin/pip" install --quiet --disable-pip-version-check uv; \
	PATH="$$tools/bin:$$PATH"; \
	$(UV_LOCK) pyproject.toml --extra fast -o requirements/runtime.lock; \
	$(UV_LOCK) pyproject.toml --all-extras --group dev -o requirements/dev.lock; \
	$(UV_LOCK) pyproject.toml --extra cloud --extra fast --extra fleet --extra metrics --extra otel --constraints requirements/dev.lock \
	  -o requirements/image.lock; \
	$(UV_LOCK) pyproject.toml --extra aws --group aws-tests --constraints requirements/dev.lock \
	  -o requirements/aws.lock; \
	echo "hatchling>=1.27" | $(UV_LOCK) - --constraints requirements/dev.lock -o requirements/build.lock

.PHONY: clean
clean: ## remove the environment, caches and builds; ledgers stay
	rm -rf $(VENV) build dist .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache \
	  .pytest_cache .ruff_cache
	find bulkconn tests -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment ------------------------------------------------------------------------------

.PHONY: FORCE
FORCE:

# Made anew when PYTHON is another one than last time; otherwise its stamp, and all that rests on it, stay.
$(VENV)/.python: FORCE
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: $(PYTHON) is missing or older than 3.11" >&2; \
	  echo "  fix: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11 (or newer)" >&2; exit 1; }
	@wanted=$$($(PYTHON) -c 'import sys; print(sys.base_prefix, sys.version)'); \
	if [ "$$(cat $@ 2>/dev/null)" = "$$wanted" ] && [ -x $(BIN)/python ]; then exit 0; fi; \
	if $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then $(PYTHON) -m venv --clear $(VENV); \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1 && $(PYTHON) -m venv --clear --without-pip $(VENV); then :; \
	else \
	  echo "error: $(PYTHON) can make no virtual environment: it has neither ensurepip nor pip" >&2; \
	  echo "  fix: on Debian and Ubuntu 'apt-get install python3-venv', then the same command again" >&2; \
	  exit 1; \
	fi; \
	echo "$$wanted" > $@

$(VENV)/.runtime: requirements/runtime.lock $(VENV)/.python
	@echo "installing what bulkconn needs to run"
	@$(INSTALL) --require-hashes -r requirements/runtime.lock
	@touch $@

$(VENV)/.aws: requirements/aws.lock $(VENV)/.python
	@echo "installing what the tests against moto's AWS need"
	@$(INSTALL) --no-compile --require-hashes -r requirements/aws.lock
	@touch $@

$(VENV)/.alternatives: benchmarks/requirements-alternatives.txt $(VENV)/.python
	@echo "installing what bulkconn is measured beside"
	@$(INSTALL) -r benchmarks/requirements-alternatives.txt
	@touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml $(VENV)/.python
	@echo "installing what bulkconn needs to be developed"
	@$(INSTALL) --require-hashes -r requirements/dev.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@
