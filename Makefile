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

# The shipped recipe: trained, exported, tuned and measured, each on procedural coils of its own.
recipe: $(VENV)/.dev
	$(RUN) -m trainer fit sheet:100-129:8000:defects=12,lookalikes=10 sheet:130-139:8000:defects=1,lookalikes=10 \
	  --validate sheet:900-907:5:defects=4 --encoder resnet34 --minutes 71 --epoch-crops 1200 --crop 256x256 --batch 8 \
	  --out runs/steel-r34
	$(RUN) -m trainer export runs/steel-r34 --out inspector/recipes/steel-r34 --score-frames 40 \
	  --trained-on "procedural steel of this project (inspector.simulator.sheet), seeds 100-139; no real steel"
	$(RUN) -m trainer tune inspector/recipes/steel-r34 --calibrate 950-952:320 --test 960-963:320

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
