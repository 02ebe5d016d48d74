# From a fresh clone, with nothing but git, make and python3 (3.11 or newer):
#     make course      run every lesson
#     make test        check everything that takes minutes, not an hour
# Both make .venv from requirements.lock first; a second run finds it and installs nothing.

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/installed-from
PROFILE ?= quick
NOTEBOOKS = $(sort $(wildcard notebooks/[0-9][0-9]_*.ipynb notebooks/[0-9][0-9][a-z]_*.ipynb))

# The first of these that is 3.11 or newer and can make virtual environments. Yours: make setup PYTHON=/path/to/python3
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11

# Waiting threads sleep instead of spinning (lessons and tests share few cores), and the tokenizer's own threads
# do not fork under us.
export OMP_WAIT_POLICY := PASSIVE
# NumPy's and SciPy's products here are small: two threads spend more time on each other than on them.
export OPENBLAS_NUM_THREADS := 1
export TOKENIZERS_PARALLELISM := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Two test files (or lessons) at a time: imports, tables and the start of kernels leave a second core idle otherwise.
SIDE_BY_SIDE ?= -n 2 --dist loadfile
# Half of the cores each: threads of two files on one core would wait for each other.
unit notebooks: export OMP_NUM_THREADS ?= $(shell echo $$(( ($$(getconf _NPROCESSORS_ONLN) + 1) / 2 )))

# What an environment was installed from: the folder it was made in (a moved or copied .venv still points at its
# old home), the lock and the package's own set-up. The environment is current while this text is the stamp's text.
WANTED = { pwd -P; cat requirements.lock pyproject.toml setup.py; }

.PHONY: help setup install course site test test-all test-slow lint unit notebooks api lock clean
.NOTPARALLEL:

help: ## show this list
	@echo "make course      run every lesson (PROFILE=quick or full); results under runs/PROFILE"
	@echo "make test        ruff, mypy, unit tests, every notebook against its stored outputs"
	@echo "make test-all    make test, and the slow tests"
	@echo "make setup       make or renew .venv from requirements.lock"
	@echo "make api         the API page from the docstrings: runs/api/spacetime.html"
	@echo "make site        build pages to read without running anything: runs/site/index.html"
	@echo "make lock        write requirements.lock from what .venv holds now"
	@echo "make clean       remove caches, builds, runs/quick and runs/site (not .venv, not other runs)"

setup:
	@if $(WANTED) | cmp -s - $(STAMP) && $(PY) -c '' 2>/dev/null; then :; \
	else $(MAKE) --no-print-directory install; fi

install:
	@rm -f $(STAMP)
	@if [ -e $(VENV) ] && ! { $(PY) -c '' 2>/dev/null && grep -qF "$$(pwd -P)/$(VENV)" $(VENV)/pyvenv.cfg; }; then \
	    echo "setup: $(VENV) was made elsewhere or its Python is gone; making it anew"; \
	    rm -rf $(VENV); \
	fi
	@if [ ! -e $(VENV) ]; then \
	    found=; bare=; \
	    for python in $(PYTHON); do \
	        $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	        if $$python -c 'import ensurepip, venv' 2>/dev/null; then found=$$python; break; fi; \
	        bare=$${bare:-$$python}; \
	    done; \
	    if [ -z "$$found" ] && [ -n "$$bare" ]; then \
	        echo "setup: error: $$bare cannot make virtual environments (its ensurepip module is missing)." >&2; \
	        echo "On Debian or Ubuntu: sudo apt install python3-venv    Then run make again." >&2; \
	        exit 1; \
	    elif [ -z "$$found" ]; then \
	        echo "setup: error: no Python 3.11 or newer among: $(PYTHON)." >&2; \
	        echo "Install one, or name yours: make setup PYTHON=/path/to/python3" >&2; \
	        exit 1; \
	    fi; \
	    echo "setup: making $(VENV) with $$($$found --version)"; \
	    $$found -m venv "$$(pwd -P)/$(VENV)"; \
	fi
	@echo "setup: installing torch, the largest package, about a minute on a quick line"
	@$(PY) -m pip install --quiet "$$(grep '^torch==' requirements.lock)"
	@echo "setup: installing $$(grep -c == requirements.lock) packages, about 3 minutes"
	@$(PY) -m pip install --quiet -r requirements.lock
	@$(PY) -m pip install -qq --no-deps --no-build-isolation -e .
	@$(WANTED) > $(STAMP)
	@echo "setup: done"

course: setup
	@$(PY) -m course run --profile $(PROFILE)

# The lessons as they are committed, without running them.
site: setup
	@$(PY) -m course site

# Tests read nothing from the network: what they need is installed or shipped.
test test-all test-slow unit notebooks: export HF_HUB_OFFLINE := 1

test: lint unit notebooks

test-all: test test-slow

lint: setup
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

unit: setup
	$(PY) -m pytest -m "not slow" $(SIDE_BY_SIDE)

# nbval runs each notebook with its own default parameters and compares what comes out with what is stored.
notebooks: setup
	$(if $(NOTEBOOKS),$(PY) -m pytest $(SIDE_BY_SIDE) --nbval --nbval-current-env --nbval-cell-timeout=900 \
	    --nbval-sanitize-with notebooks/sanitize.cfg $(NOTEBOOKS),@echo "no notebooks yet")

test-slow: setup
	$(PY) -m pytest -m slow

# Not committed: HTML that this makes in some seconds.
api: setup
	$(PY) -m pdoc spacetime --docformat numpy --no-show-source -o runs/api

# Names and versions only: CPU and GPU builds of torch share one lock (its local version, and the packages that
# only one platform has, are left out), and no host or path of the machine that wrote it gets in.
lock:
	@$(PY) -m pip list --format=freeze --exclude pip --exclude wheel --exclude spacetime-minilm \
	    | grep -viE '^(nvidia|cuda|triton)' | sed 's/+[^=]*$$//' | LC_ALL=C sort -f > requirements.lock.new
	@mv requirements.lock.new requirements.lock
	@echo "lock: requirements.lock holds $$(grep -c == requirements.lock) packages"

clean:
	rm -rf runs/quick runs/site build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
