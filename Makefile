# The commands of README.
# PYTHON: the interpreter of the environment. VENV: the environment's folder.
PYTHON ?= python3
VENV ?= .venv
# Test processes. Each takes up to 3 GB of memory.
WORKERS ?= 2
WORKDIR ?= runs/characters
BIN = $(VENV)/bin

.PHONY: demo install lint quick test parity browser clean
.DEFAULT_GOAL := help

help:
	@echo "make demo     train on drawn people and colour held-out ones (17 minutes on two slow cores)"
	@echo "make quick    ruff, mypy and the quick tests"
	@echo "make test     ruff, mypy and all tests"
	@echo "make parity   the same numbers as PyTorch and Keras, which it installs"
	@echo "make browser  the web pages in Chromium, for which it installs playwright"
	@echo "make install  the environment alone, in $(VENV)"
	@echo "make clean    remove the environment and the caches"

install: $(VENV)/installed

$(VENV)/installed: setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("s2c_jax needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[characters,openmoji,vgg,layers,web,export,test]'
	@touch $@

demo: install
	$(BIN)/python -m s2c_jax.datasets characters/64
	$(BIN)/python -m s2c_jax.main --config configs/characters.py --workdir $(WORKDIR)
	$(BIN)/python -m s2c_jax.colorize --workdir $(WORKDIR) --held_out 24 --output $(WORKDIR)/colored --overwrite

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# loadfile: the tests of a file share its trained runs, so they run in one process.
quick: lint
	$(BIN)/pytest -n $(WORKERS) --dist loadfile -m "not slow"

test: lint
	$(BIN)/pytest -n $(WORKERS) --dist loadfile

# PyTorch is large: only these tests need it.
$(VENV)/parity: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[parity]'
	@touch $@

parity: $(VENV)/parity
	$(BIN)/pytest tests/parity

# Chromium is the system's: apt-get install chromium.
$(VENV)/browser: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[browser]'
	@touch $@

browser: $(VENV)/browser
	@command -v chromium chromium-browser google-chrome | grep -q . || { echo "make browser needs Chromium: apt-get install chromium"; exit 1; }
	$(BIN)/pytest tests/browser

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
