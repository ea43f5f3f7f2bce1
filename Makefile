PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# What `spikescan bench --peers` compares with; their dependencies would replace the installed torch.
PEERS = spikingjelly snntorch loguru

.PHONY: demo test lint clean

# The main job on the built-in data: SPSN-GS against LIF on `digits`.
demo: $(VENV)/.demo
	$(BIN)/spikescan demo --out demo --overwrite

# What has to hold before a change goes in: style, types, tests.
test: $(VENV)/.dev lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --pythonpath $(BIN)/python

clean:
	rm -rf $(VENV) demo
	find src -name '*.nb[ic]' -delete

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e .
	touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e '.[dev]'
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt --no-deps $(PEERS)
	touch $@ $(VENV)/.demo
