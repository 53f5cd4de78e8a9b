# Two commands: `make demo` (see it work) and `make test` (see that it works). CONTRIBUTING.md names the others.
PYTHON ?= python3.11
ifeq (, $(shell command -v $(PYTHON) 2>/dev/null))
PYTHON := python3
endif
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test nightly check docs install clean

demo: $(STAMP)
	$(BIN)/flawforge demo-data runs/steel
	$(BIN)/flawforge run runs/steel --recipe native --shots 50 --kimg 8 --minutes 9 --out runs/demo

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal

nightly: $(STAMP)
	$(BIN)/python -m pytest -m nightly

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

check: $(STAMP)
	PATH="$(abspath $(BIN)):$$PATH" scripts/check $(CHECK)

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,docs,elpv,tensorboard]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) build dist site
