# `make` lists what there is. Needs Python 3.11.5 or newer; all else goes into a folder of its own.
#
#   make book PYTHON=python3.12     another Python
#   make test PINNED=0              the newest versions that pyproject.toml allows, not the pins

PYTHON  ?= python3
PORT    ?= 8000
PINNED  ?= 1
NB      ?= book
WORKERS ?= 2

ifeq ($(PINNED),1)
VENV     ?= .venv
PACKAGES  = --no-deps -r requirements.txt
EDITABLE  = --no-deps --no-build-isolation -e .
else
VENV     ?= .venv-newest
PACKAGES  = --upgrade pip
EDITABLE  = --upgrade -e '.[test]'
endif

BIN = $(VENV)/bin
# For what the tools start themselves: a kernel, Node.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

ENV  = $(VENV)/.installed
HTML = _build/html/index.html
# Jupyter refuses root, as in a container, unless told.
AS_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)
NOTEBOOKS := $(shell find book -name '*.ipynb' -not -path '*/.*' 2>/dev/null)
LIBRARY := $(shell find convlib -name '*.py' -o -name '*.js' -o -name '*.css' 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help book serve lab test test-deep lint dist bench notebooks repeatable mutants lock clean

help:  ## this list
	@echo "The convolution book. First time here: make book"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | \
	  awk -F'|' '{ printf "%-17s %s\n", $$1, $$2 }'

# ---- environment: made once, and again when the pins or the package's description change ----

$(ENV): $(wildcard requirements*.txt) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 5))' 2>/dev/null || { \
	  echo "This needs Python 3.11.5 or newer, and '$(PYTHON)' is" \
	    "$$($(PYTHON) --version 2>/dev/null || echo 'not there')." \
	    "Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(VENV): 2.3 GB and some minutes, once; 7 GB on Linux if torch comes with CUDA."
	@test -x "$(BIN)/python" && "$(BIN)/python" -c 'import pip' 2>/dev/null \
	  || $(PYTHON) -m venv --clear "$(VENV)" \
	  || { echo "Could not make an environment; on Debian or Ubuntu: apt install python3-venv"; exit 1; }
	"$(BIN)/python" -m pip install $(PACKAGES)
ifeq ($(PINNED),1)
	@# To learn that pip finds no build without CUDA takes a second; its error is expected then.
	@"$(BIN)/python" -m pip install --quiet --no-deps -r requirements-torch-cpu.txt 2>/dev/null || { \
	  echo "No torch without CUDA here: taking the index's, which is large on Linux."; \
	  "$(BIN)/python" -m pip install --no-deps -r requirements-torch.txt; }
endif
	"$(BIN)/python" -m pip install $(EDITABLE)
	"$(BIN)/python" -m pip check
	@touch $@

# ---- the book ----

# A notebook's cached run is keyed by its own code. When the library under it changes, run it again.
_build/.library: $(LIBRARY) $(ENV)
	@mkdir -p _build
	@rm -rf _build/.jupyter_cache _build/.doctrees
	@touch $@

_build/.ran: $(NOTEBOOKS) _build/.library
	@"$(BIN)/python" -m tools.execute
	@touch $@

# After a failed build the page cache goes: it would hide the warnings of the pages that it holds.
book: $(ENV) _build/.ran  ## run every notebook and build the book; a warning is an error
	@test ! -e _build/.unfinished || rm -rf _build/.doctrees
	@touch _build/.unfinished
	"$(BIN)/jupyter-book" build . -W --keep-going -n
	@rm _build/.unfinished
	@echo
	@echo "The book is built. Open it:  $(CURDIR)/$(HTML)"
	@echo "or serve it:                 make serve"

serve: $(ENV)  ## serve the built book at http://127.0.0.1:8000 (PORT=...)
	@test -f $(HTML) || { echo "Nothing is built yet: make book"; exit 1; }
	@"$(BIN)/python" -c 'import socket; socket.create_server(("127.0.0.1", $(PORT)))' 2>/dev/null || { \
	  echo "Port $(PORT) is busy, or not to be had. Take another: make serve PORT=$$(($(PORT) + 1))"; \
	  exit 1; }
	@echo "http://127.0.0.1:$(PORT)  (Ctrl+C ends it)"
	@"$(BIN)/python" -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

lab: $(ENV)  ## open the chapters as notebooks in JupyterLab
	"$(BIN)/python" -m jupyter lab book $(AS_ROOT)

notebooks: $(ENV)  ## run the notebooks and write their outputs into them (NB=file or folder)
	"$(BIN)/python" -m tools.notebooks "$(NB)"

# ---- checks ----

test: book  ## build the book, then run every test, doctest, notebook and page check
	"$(BIN)/python" -m pytest -n $(WORKERS) --dist=loadfile

test-deep: $(ENV)  ## the laws and the hostile calls, with many more examples: minutes
	HYPOTHESIS_PROFILE=deep "$(BIN)/python" -m pytest tests/laws -n $(WORKERS) --dist=worksteal

lint: $(ENV)  ## style, formatting and types
	"$(BIN)/python" -m ruff check .
	"$(BIN)/python" -m ruff format --check .
	"$(BIN)/python" -m mypy
	"$(BIN)/oxlint" --deny-warnings
	"$(BIN)/oxfmt" --check '**/*.{js,mjs}'
	"$(BIN)/python" -m tools.notebooks --check

dist: $(ENV)  ## the wheel and the source archive, in dist/; then the wheel beside NumPy alone
	rm -rf dist
	"$(BIN)/python" -m build --no-isolation
	"$(BIN)/python" -m twine check --strict dist/*
	"$(BIN)/python" -m tools.alone dist/*.whl

bench: $(ENV)  ## measure convlib beside other libraries
	@test -d benchmarks || { echo "There is no folder benchmarks/ yet."; exit 1; }
	"$(BIN)/python" -m benchmarks

mutants: $(ENV)  ## change the library in 400 places, one at a time: does a test notice?
	"$(BIN)/python" -m tools.mutants

repeatable: $(ENV)  ## build the book twice, offline and under unlike settings, and compare
	"$(BIN)/python" -m tools.repeatable

# ---- upkeep ----

lock:  ## pin anew what requirements.in asks for, with hashes (UV=--upgrade: the newest)
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv==0.13.9
	.venv-lock/bin/python -m tools.lock $(UV)
	rm -rf .venv-lock

clean:  ## remove what was built; the environment stays (rm -r .venv removes that)
	rm -rf _build build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find convlib tests tools book -name __pycache__ -type d -prune -exec rm -rf {} +
