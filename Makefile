# Everything runs from a virtual environment in .venv, made from the exact versions in requirements.lock.
PYTHON ?= python3
VENV := .venv
NEWEST := .venv-newest
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-long test-newest mutants lint bench soak screenshots clean

$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: install it, or name it with PYTHON=..." >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11: name a newer one with PYTHON=..." >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --config-settings editable_mode=compat --editable .
	@touch $@

demo: $(READY) ## The main job on the embedded database; ARGS=--exit stops when done
	@$(BIN)/tenantatlas demo $(ARGS)

test: $(READY) ## Every test but the long ones; ARGS goes to pytest
	@$(BIN)/pytest -n 2 --dist loadgroup --no-loadscope-reorder --durations=25 --durations-min=5 -m "not long" $(ARGS)

test-long: $(READY) ## The tests that take most of their time in waiting: before a release, and after a change of what they are about
	@$(BIN)/pytest -n 2 --dist loadgroup --no-loadscope-reorder --durations=25 --durations-min=5 -m long $(ARGS)

test-newest: $(READY) ## `make test` with the newest releases that pyproject.toml allows, in an environment of their own; ARGS goes to pytest
	@test -x $(NEWEST)/bin/python || $(PYTHON) -m venv $(NEWEST)
	@$(BIN)/uv pip compile --quiet --upgrade --extra dev pyproject.toml --output-file $(NEWEST)/requirements.txt
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(NEWEST)/bin/python $(NEWEST)/requirements.txt
	@$(BIN)/uv pip install --quiet --python $(NEWEST)/bin/python --no-deps --config-settings editable_mode=compat --editable .
	@grep -E "^(prefect|streamlit|sqlalchemy)==" $(NEWEST)/requirements.txt
	@$(NEWEST)/bin/pytest -n 2 --dist loadgroup --no-loadscope-reorder --durations=25 --durations-min=5 -m "not long" $(ARGS)

mutants: $(READY) ## Breaks one line at a time and asks the tests; ARGS picks modules by a word of their path
	@$(BIN)/python -m tests.mutants $(ARGS)

lint: $(READY) ## Style and types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/pyright

bench: $(READY) ## Every benchmark, each with its peer or floor beside it
	@for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python -m benchmarks.$$(basename $$file .py) || exit 1; done

N ?= 500
soak: $(READY) ## N fault-injection rounds, then a table of what was broken how often
	@$(BIN)/python -m tests.acceptance.faults.soak $(N)
	@$(BIN)/python -m tests.acceptance.two_of_each

screenshots: $(READY) ## The pictures in docs/images/hub
	@$(BIN)/python -m tests.browser.screenshots

clean: ## Removes the virtual environments
	@rm -rf $(VENV) $(NEWEST)
