# make demo   inspect a simulated coil from end to end, on this machine, now
# make test   everything that can be tested here
# make check  ruff, mypy --strict, import-linter
PYTHON ?= python3
VENV ?= .venv
RUN = $(VENV)/bin/python

.PHONY: demo test check bench docs recipe clean

demo: $(VENV)/.runtime
	$(RUN) -m inspector demo

test: $(VENV)/.dev
	$(RUN) -m pytest

check: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

bench: $(VENV)/.dev
	$(RUN) -m tests.bench

docs: $(VENV)/.dev
	$(RUN) -m inspector.schema
	$(RUN) -m inspector.reference README.md

clean:
	rm -rf $(VENV) demo build dist *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@ $(VENV)/.runtime
