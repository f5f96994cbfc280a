# One virtualenv, made on first use, from hash-locked requirements. `make help` lists what can be done.

VENV   ?= .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip -qq --disable-pip-version-check
ARGS   ?=
PYTEST := $(PY) -m pytest

# The first interpreter that is new enough and can make a virtualenv; PYTHON=… overrides it.
PYTHON ?= $(firstword $(foreach name,python3.13 python3.12 python3.11 python3.14 python3 python,\
            $(shell $(name) -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))

SHELL_FILES := $(wildcard bin/* .ci/* .github/release-names)
BENCHES     := $(addprefix bench-, accuracy speed storage container monitor lockstep mutation worlds layout \
                 dashboard instruments advice)
ACTIONS     := action.yml install/action.yml
WORKFLOWS   := $(wildcard .github/workflows/*.yml examples/workflows/*.yml)

.PHONY: help demo demo-dashboard test test-kills coverage check docs schemas fix $(BENCHES) bench-field bench-first-try fuzz e2e browser lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.dev ## Measure the example at two commits and judge the planted slowdown
	@$(PY) -m compileall -q src
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" bash examples/demo.sh $(ARGS)

test: $(VENV)/.dev ## Run the unit and integration tests
	$(PYTEST) -n 4 --dist worksteal tests/unit $(wildcard tests/integration) $(ARGS)

test-kills: $(VENV)/.dev ## Kill writers of a history at KILLS moments (400), and say what they left
	REGRESS_KILLS=$(or $(KILLS),400) $(PYTEST) -n 2 -rP tests/integration/history/test_history_killed.py $(ARGS)

coverage: $(VENV)/.dev ## Run the unit tests of analysis, model, report and settings, and fail below the floor of lines and branches
	@mkdir -p build
	$(VENV)/bin/coverage run -m pytest -q -p no:cacheprovider tests/unit/analysis tests/unit/model tests/unit/report tests/unit/settings $(ARGS)
	$(VENV)/bin/coverage report

check: $(VENV)/.dev $(VENV)/.tools ## Lint, type-check and prove the architecture; changes nothing
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache
	$(VENV)/bin/shellcheck $(SHELL_FILES)
	$(VENV)/bin/hadolint Dockerfile
	$(VENV)/bin/actionlint $(WORKFLOWS)
	$(VENV)/bin/zizmor --offline --no-progress --quiet --pedantic --config .github/zizmor.yml $(ACTIONS) $(WORKFLOWS)
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-actions $(ACTIONS)
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS) examples/ci/forgejo.yml
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.gitlab-ci examples/ci/gitlab-ci.yml
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.buildkite examples/ci/buildkite.yml
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --quiet

demo-dashboard: $(VENV)/.dev ## Write a dashboard of a generated year of examples/services into build/dashboard
	@rm -rf build/demo-history
	@$(PY) examples/demo_history.py build/demo-history
	@$(VENV)/bin/regress-action dashboard --history build/demo-history --out build/dashboard --title examples/services \
	  --thresholds examples/services/thresholds.yml --note "Generated data: a year of plausible history with planted changes."

docs: $(VENV)/.dev $(VENV)/.tools ## Build the documentation site into build/site, strict and without network
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --quiet

schemas: $(VENV)/.dev ## Generate the JSON Schemas of what people and the program write into docs/schemas
	$(PY) -m regress_action.report.schema docs/schemas
	$(PY) -m regress_action.settings.schema docs/schemas

fix: $(VENV)/.dev ## Format, and repair what the linter can
	$(VENV)/bin/ruff format
	$(VENV)/bin/ruff check --fix

$(BENCHES): bench-%: $(VENV)/.dev
	$(PY) benchmarks/$*.py $(ARGS)

bench-accuracy:  ## False alarms and detections of the judge, beside its peers
bench-layout:    ## Inert edits of compiled C programs: how many are called slower
bench-worlds:    ## False alarms, coverage and power in simulated worlds whose truth is known
bench-speed:     ## How long judging, start-up and reporting take
bench-storage:   ## What history costs on disk and over the network
bench-container: ## Image size, start-up and step overhead of the container
bench-monitor:   ## What watching a suite costs it: an A/A, watched and left alone
bench-lockstep:  ## Noise, cost and mistakes of turns of milliseconds, beside whole runs
bench-instruments: ## What profiler, monitors, fixture, load runner and leak check cost and see
bench-advice:    ## Planted causes, subroutines and the rest of the advice, each beside its floor
bench-dashboard: $(VENV)/.tools ## Time to write the dashboard, its size, and its views in Chromium

bench-field: $(VENV)/.dev ## Run the situations in DIR (out of public bug reports), and say which come out right
	$(PY) benchmarks/field.py $(DIR) $(ARGS)

bench-first-try: $(VENV)/.dev ## What init and a first measurement make of the repositories in ARGS; their code is run
	$(PY) benchmarks/first_try.py $(ARGS)

fuzz: $(VENV)/.dev ## Change samples of every format for SECONDS (60): a report or a clear error comes out
	$(PY) tests/fuzz.py --seconds $(or $(SECONDS),60) $(ARGS)

bench-mutation:  ## How many small breaks of the judge its tests notice

e2e: $(VENV)/.dev $(VENV)/.tools ## Run real workflows against a real Docker engine (needs Docker)
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(PYTEST) -n 2 --dist loadfile tests/e2e $(ARGS)

browser: $(VENV)/.dev $(VENV)/.tools ## Open the reports in a real browser (needs Chromium)
	$(PYTEST) tests/browser $(ARGS)

lock: $(VENV)/.dev ## Resolve every requirement anew and write the lock files
	$(PIP) install uv
	$(VENV)/bin/uv pip compile $(LOCK) pyproject.toml --extra notify --output-file requirements.lock
	$(VENV)/bin/uv pip compile $(LOCK) pyproject.toml --extra dev --constraint requirements.lock --output-file requirements-dev.lock
	$(VENV)/bin/uv pip compile $(LOCK) --group tools --constraint requirements-dev.lock --output-file requirements-tools.lock

LOCK := --quiet --fork-strategy fewest --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

clean: ## Remove the virtualenv and everything that was generated
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist .coverage* .mutation.*

$(VENV)/.dev: requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer with venv and ensurepip was found; nothing can be set up without one." \
	  "Install it (Debian: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python3.11"; exit 2; }
	@echo "Setting up $(VENV) with $(PYTHON), once"
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@$(PIP) install --no-deps --editable .
	@$(PY) -m compileall -q src
	@touch $@

$(VENV)/.tools: requirements-tools.lock $(VENV)/.dev
	@$(PIP) install --require-hashes --requirement requirements-tools.lock
	@touch $@
