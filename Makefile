.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Test modules run side by side; more than there are processors, since most of them wait for something.
WORKERS ?= 3
# In the order they are found: the modules that take longest come first, so that none is left to run alone at the end.
SIDE_BY_SIDE := -q -n $(WORKERS) --dist loadscope --no-loadscope-reorder
# These start every server themselves, need none or Postgres by its socket, or are about our web server alone: servers
# handed over by URL change nothing of them.
OWN_SERVERS := $(addprefix --ignore tests/integration/,test_bench.py test_breakouts.py test_cli_errors.py test_connections.py \
	test_cut_messages.py test_local_servers.py test_local_stack.py test_local_supervisor.py test_local_up.py test_missing_libraries.py \
	test_new_user.py test_replay.py test_slow_senders.py test_venue_adapters.py test_venue_data.py)

# One command resolves all lock files: they hold hashes and no address, and agree on every version.
COMPILE := $(BIN)/uv pip compile --quiet $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --annotation-style line pyproject.toml

.PHONY: help install install-dev install-venues lock resolve wheel demo test test-by-url mutants check audit format clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/installed ## Install the product, at locked versions, into .venv
install-venues: $(VENV)/installed-venues ## Install the product and the client libraries of the venues: ccxt and alpaca-py
install-dev: $(VENV)/installed-dev ## Install the product, its optional parts and what tests and checks need

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/installed-venues: $(VENV)/installed requirements-venues.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-venues.lock
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

wheel: install ## Build the wheel, which holds everything, and the sdist, into dist/
	$(BIN)/python -m hatchling build --directory dist

demo: install ## Replay real market history through the whole pipeline and compare the engines
	$(BIN)/orchestrator demo

test: install-dev ## Run all tests on embedded servers
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

coverage: install-dev ## Run all tests, or those named by TESTS, and print how much of the code ran, in child processes too
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(SIDE_BY_SIDE) $(TESTS)
	$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report | awk 'END { print "coverage: " $$NF " of " $$2 " lines" }'

test-by-url: install-dev ## Run the tests that need servers on a Postgres and a Redis handed over by URL
	$(BIN)/python -m tests.support.servers_by_url $(SIDE_BY_SIDE) $(OWN_SERVERS) tests/integration

mutants: install-dev ## Put small faults into the source, one at a time: do the tests notice? ARGS="--one-in 16 --area domain" for less
	$(BIN)/python -m tests.mutation $(ARGS)

check: install-dev ## Lint, types, import contracts, dependencies, security lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry . --exclude '$(VENV)'
	$(BIN)/deptry . --extend-exclude '^(\.ci/|hatch_build)' --optional-dependencies-dev-groups build,dev
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive alerts app bench config db domain engines operations replay reporting \
		simulator stack tasks trading_orchestrator venues

lock: install-dev ## Write the lock files anew from pyproject.toml; UPGRADE=1 takes the newest versions
	$(COMPILE) --all-extras --output-file requirements-dev.lock
	$(COMPILE) --constraints requirements-dev.lock --extra build --output-file requirements.lock
	$(COMPILE) --constraints requirements-dev.lock --extra build --extra venues --output-file requirements-venues.lock

resolve: install-dev ## Show that every locked version has a wheel for every Python and platform; installs nothing
	$(BIN)/python .ci/resolve.py requirements.lock requirements-venues.lock requirements-dev.lock

audit: install-dev ## Ask an advisory service about every locked version; before each release, and weekly
	$(BIN)/python .ci/audit.py $(if $(SERVICE),--service $(SERVICE)) requirements.lock requirements-dev.lock

format: install-dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) .coverage build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
