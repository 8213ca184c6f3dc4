# `make` alone prints what there is. The two commands that matter are `make lab` and `make test`.

PYTHON ?= python3
WORKERS ?= 2

VENV := .venv
RUN := $(VENV)/bin/python -m
# -E: every page is written again, in case conf.py changed.
SPHINX := $(RUN) sphinx -c docs -E -b
# Named after the folder, so that a copied or moved checkout installs itself again.
INSTALLED := $(VENV)/installed-in-$(shell pwd | cksum | cut -d ' ' -f 1)
NBVAL := --nbval --nbval-current-env --nbval-cell-timeout=120
# A notebook or a test file keeps to one process: its cells build on one another.
# What tests/conftest.py puts first is begun first.
PARALLEL := -n $(WORKERS) --dist loadscope --no-loadscope-reorder
# What `make test` takes up, and what else may be named to check less of it.
TESTS ?= tests notebooks
# The processors that `make check-isa` computes as, and with how many threads each.
ISA ?= sse42 avx2 avx512
THREADS ?= 1 2
AS_sse42 := ONEDNN_MAX_CPU_ISA=SSE41 XLA_FLAGS=--xla_cpu_max_isa=SSE4_2
AS_avx2 := ONEDNN_MAX_CPU_ISA=AVX2 XLA_FLAGS=--xla_cpu_max_isa=AVX2
AS_avx512 := ONEDNN_MAX_CPU_ISA=AVX512_CORE XLA_FLAGS=--xla_cpu_max_isa=AVX512
as_processor = $(or $(AS_$(1)),$(error ISA must be of sse42, avx2, avx512. Received: $(1)))
with_threads = TF_NUM_INTRAOP_THREADS=$(1) TF_NUM_INTEROP_THREADS=$(1)

define NEWLINE


endef

.DEFAULT_GOAL := help
.PHONY: help setup develop lab test notebooks illustrations pages explorable docs links bench api release versions storm mutants properties lint check-isa clean

help:  ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile
	@echo 'ARGS="..." is passed on to the tool:  make lab ARGS="--no-browser --port=9999"'

setup: $(INSTALLED)  ## Create .venv with what learning needs (PYTHON=python3.12 chooses the Python)

develop: $(INSTALLED)-test $(INSTALLED)-lint  ## Add what tests and lint need

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo 'lrlab needs Python 3.11, 3.12 or 3.13, and "$(PYTHON)" is not one of them.' >&2; \
	  echo 'Name one that is:  make setup PYTHON=python3.12' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) pip install --disable-pip-version-check -c constraints.txt -e '.[cpu,cluster,export,lab]'
	@rm -f $(VENV)/installed-in-* && touch $@

lab: setup  ## Open JupyterLab on notebooks/, on this machine only, protected by a token
	@# exec: no shell in between, so that ending make ends JupyterLab.
	exec $(VENV)/bin/lrlab lab notebooks $(ARGS)

test: develop  ## Run the unit tests, every notebook against its stored outputs, and the browser tests
	$(RUN) pytest $(PARALLEL) $(NBVAL) $(TESTS) $(ARGS)

notebooks: develop  ## Run the notebooks again and store their outputs (ARGS: which ones)
	$(VENV)/bin/python tools/run_notebooks.py $(ARGS)

illustrations: setup  ## Draw the illustrations of the notebooks again
	$(VENV)/bin/python tools/draw_illustrations.py

pages: setup  ## Make a web page of each notebook in build/pages, of glossary and recipe too (ARGS: which notebooks)
	$(VENV)/bin/python tools/make_pages.py $(ARGS)

explorable: setup  ## Train a grid of step decays, write build/step_decay.html: sliders without a kernel
	$(VENV)/bin/lrlab page --to build/step_decay.html $(ARGS)

docs: setup $(INSTALLED)-docs build/step_decay.html  ## Build the docs site in build/docs; a warning is an error
	$(SPHINX) html -W --keep-going -q . build/docs
	@echo 'Open build/docs/index.html'

links: setup $(INSTALLED)-docs build/step_decay.html  ## Ask the network whether the external links of the docs site are there
	$(SPHINX) linkcheck . build/links

build/step_decay.html: | setup
	$(VENV)/bin/lrlab page --to $@

bench: develop $(INSTALLED)-bench  ## Measure everything, write benchmarks/RESULTS.md (ARGS="--machine NAME": beside others)
	$(RUN) benchmarks $(ARGS)

# What one command alone needs is installed when it is first called.
$(INSTALLED)-%: $(INSTALLED)
	$(RUN) pip install --disable-pip-version-check -c constraints.txt -e '.[$*]'
	@touch $@

api: develop  ## List the public API again, after a change that is meant
	$(VENV)/bin/python tools/list_api.py

release: develop $(INSTALLED)-release  ## Check all that a release needs, build and try it (ARGS=--trial: all the same)
	$(VENV)/bin/python tools/make_release.py $(ARGS)

versions:  ## Test with the oldest, pinned, newest and nightly versions, each in an environment of its own
	$(PYTHON) tools/try_versions.py $(ARGS)

storm: develop  ## Ten minutes of random movements in JupyterLab (ARGS="--minutes 60 --seed 3 --front voila")
	$(VENV)/bin/python tests/storm.py $(ARGS)

mutants: develop $(INSTALLED)-mutants  ## Change the code in 300 places, one at a time, and count what the tests notice
	$(VENV)/bin/python tools/run_mutants.py $(ARGS)

properties: develop  ## Try the properties with many new examples (ARGS="--hypothesis-seed=3" repeats those of 3)
	$(RUN) pytest tests/properties --hypothesis-profile=long --hypothesis-seed=$(shell date +%s) $(ARGS)

lint: develop  ## Check formatting, lint, types and spelling
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(VENV)/bin/codespell

check-isa: develop  ## Test as other processors would compute, one after another (ISA=avx2 THREADS=1: as one)
	$(foreach isa,$(ISA),$(foreach threads,$(THREADS),$(call as_processor,$(isa)) $(call with_threads,$(threads)) \
	  $(RUN) pytest $(PARALLEL) $(NBVAL) $(TESTS) $(ARGS)$(NEWLINE)))

clean:  ## Remove .venv and everything that can be made again
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -prune -exec rm -rf {} +
