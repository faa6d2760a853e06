# Two commands for users: `make demo` and `make test`. Both set up .venv by themselves.
# `make lock` renews the pinned dependencies (needs uv): portal.txt is runtime.txt with what only the portal needs. The
# lists are complete, so they are installed with --no-deps: pip before 23.3 looks past a pin when a package asks for its
# extras, and then fails for want of a hash.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test check coverage deb lock clean

demo: $(VENV)/.runtime
	@$(BIN)/tm-tui demo

# Bytecode is kept whatever the shell says: each worker would compile all tests anew, half a minute of the processor.
# What fails is run once more, alone (tests/alone.py).
test: $(VENV)/.dev check
	@packaging/test-peers
	@rm -f .pytest_cache/v/cache/lastfailed
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist worksteal || $(BIN)/python tests/alone.py $$?

# What of the product the tests run, by line; processes that the tests start are not counted. It takes about twice the time.
coverage: $(VENV)/.dev
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist worksteal --cov=tm_tui --cov=screens --cov-report=term:skip-covered

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "tm-tui needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	    || { echo "Python's venv module is missing (Debian: python3-venv)" >&2; rm -rf $(VENV); exit 1; }

$(VENV)/.runtime: requirements/portal.txt requirements/build.txt pyproject.toml | $(VENV)/bin/python
	@echo "Setting up $(VENV) ..."
	@$(PIP) install --no-deps --require-hashes -r requirements/portal.txt -r requirements/build.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo "Adding the tools for tests ..."
	@$(PIP) install --no-deps --require-hashes -r requirements/dev.txt
	@touch $@

# The packages for Debian, the appliance's and the portal's, with the wheel and the bills of materials, in dist/. Needs dpkg-deb and Debian's python3-venv.
deb: $(VENV)/.runtime
	@$(BIN)/python packaging/build_deb.py
	@$(BIN)/python packaging/build_deb.py --portal

lock:
	@for set in runtime portal build dev; do \
	    case $$set in runtime) from="pyproject.toml";; portal) from="pyproject.toml --extra portal";; \
	        dev) from="pyproject.toml --extra portal --group dev";; \
	        build) from="--group build";; esac; \
	    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	        --no-annotate --no-header --constraint requirements/dev.txt --output-file requirements/$$set.txt $$from; done

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
