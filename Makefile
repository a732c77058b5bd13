# make demo   hear a voice note and watch it become a merged branch; no accounts needed
# make init   ask for the settings and write them to .env
# make run    start Gofer with the settings in .env (without one: with those in ~/.gofer/.env)
# make test   the tests; make check  ruff, mypy, import-linter
SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: demo init run test check chaos test-agents test-agents-all clean

VENV := .venv
PY := $(VENV)/bin/python
ARGS ?=

demo: $(VENV)/.demo
	@$(PY) -m cli.main demo $(ARGS)

init: $(VENV)/.demo
	@$(PY) -m cli.main --env-file .env init $(ARGS)

run: $(VENV)/.demo
	@$(PY) -m cli.main $(if $(wildcard .env),--env-file .env) up $(ARGS)

test: $(VENV)/.dev
	@$(PY) -m pytest -n 4 --dist worksteal -m "not chaos and not agents" $(ARGS)

check: $(VENV)/.dev
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy && $(VENV)/bin/lint-imports

chaos: $(VENV)/.dev
	@$(PY) -m pytest -n 2 -m chaos $(ARGS)

test-agents: $(VENV)/.dev
	@$(PY) -m pytest -n 2 --dist worksteal -m agents tests/agents $(ARGS)

test-agents-all: $(VENV)/.dev
	@GOFER_TEST_AGENTS=all $(PY) -m pytest -n 2 --dist worksteal -m agents tests/agents $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info

$(VENV)/.demo: pyproject.toml
	@bash cli/setup.sh $(VENV) demo
	@touch $@

$(VENV)/.dev: pyproject.toml
	@bash cli/setup.sh $(VENV) demo,dev
	@touch $@ $(VENV)/.demo
