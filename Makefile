# `make` lists the targets. Variables: PYTHON (a Python 3.10-3.12), VENV (folder of the environment).
VENV ?= .venv
BIN := $(VENV)/bin
CANDIDATES := $(or $(PYTHON),python3 python3.12 python3.11 python3.10 python)
PIP := $(BIN)/python -m pip --disable-pip-version-check
STUDY := experiments/quickstart
# Large pages for malloc (glibc 2.35): on some virtual machines MindSpore compiles ten times as fast (docs/troubleshooting.md).
export GLIBC_TUNABLES ?= glibc.malloc.hugetlb=1

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow bench gpu-check lint docs ui clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.runtime ## train baseline and STAR on generated data and print their table
	$(BIN)/star-train -m experiment=baseline,star seed=0 study=quickstart size=cpu
	$(BIN)/star-report $(STUDY)
	@printf '\nLook further:\n'
	@printf '  # %s\n  %s\n' \
		'runs, curves and ranked lists in MLflow' 'make ui' \
		'what the generated people look like' '$(BIN)/star-check size=cpu --sheet outputs/sheet.png' \
		'the recipe of the paper, every key' '$(BIN)/star-train experiment=star dataset=hitsz_vcm --cfg job' \
		'another seed, more epochs' '$(BIN)/star-train experiment=star size=cpu seed=1 schedule.epochs=20'

test: $(VENV)/.dev ## run the tests, two files at a time
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 25

test-slow: $(VENV)/.dev ## run the tests that take minutes
	$(BIN)/python -m pytest -m slow

bench: $(VENV)/.dev ## measure ranking, loader and tracker
	$(BIN)/python -m pytest tests/benchmarks -o 'python_files=bench_*.py' -s

gpu-check: $(VENV)/.dev ## compare a GPU with the reference numbers and the CPU (docs/gpu.md)
	$(BIN)/python -m pip show --quiet nvidia-cudnn-cu11 || $(PIP) install --constraint constraints.txt --editable '.[gpu]'
	$(BIN)/python tests/gpu_check.py

lint: $(VENV)/.dev ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

docs: $(VENV)/.dev ## build the documentation site in outputs/site, warnings are errors
	@# The variable silences an announcement that the theme prints.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

ui: $(VENV)/.runtime ## show the runs in MLflow at http://127.0.0.1:5000
	$(BIN)/python -c 'from star.cli.ui import ui; ui()'

clean: ## remove caches and build folders; outputs/ and the environment stay
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache rank_* kernel_meta
	find conf star tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.dev: $(VENV)/.runtime
	$(PIP) install $$([ -t 2 ] || echo --quiet) --constraint constraints.txt --editable '.[dev]'
	@# rtmlib's OpenCV wheels need libGL and share a folder with the headless one, which needs none: it goes on top.
	$(PIP) install --quiet --force-reinstall --no-deps --constraint constraints.txt opencv-python-headless
	@touch $@

$(VENV)/.runtime: pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing the packages into $(VENV): 1 GB to download, several minutes the first time.'
	$(PIP) install $$([ -t 2 ] || echo --quiet) --constraint constraints.txt --editable .
	@touch $@

$(BIN)/python:
	@for python in $(CANDIDATES); do \
		$$python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null || continue; \
		unfit=$$python; \
		$$python -c 'import ensurepip, venv' 2>/dev/null || continue; \
		exec $$python -m venv $(VENV); \
	done; \
	if [ -n "$$unfit" ]; then \
		echo "error: $$unfit has no venv module; on Debian and Ubuntu: apt install $$($$unfit -c \
			'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; \
	else \
		echo "error: Python 3.10, 3.11 or 3.12 is needed, tried: $(CANDIDATES);" \
			"name one with: make PYTHON=path/to/python"; \
	fi >&2; exit 1
