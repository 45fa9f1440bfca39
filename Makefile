# Duolu's commands. `make` alone lists them; each builds the environment first if it has to.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# The first Python of at least 3.11 that can make environments. Name another: make setup PYTHON=…
PYTHONS := python3 python3.13 python3.12 python3.11
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for it in $(PYTHONS); do $$it -c '$(USABLE)' 2>/dev/null && echo $$it && break; done)

ARGS ?=
PORT ?= 8000
PARITY_DIR ?= data/parity

.DEFAULT_GOAL := help
.PHONY: help setup demo test pytest parity check format docs bench bench-rank bench-split bench-explain bench-prerank bench-select bench-relevance bench-documents bench-events bench-suggest lock test-compose clean bench-peers bench-freshness bench-service bench-durability bench-filters bench-encoders bench-whynot bench-tracing bench-console bench-understanding bench-intent bench-outages bench-newcomer bench-folding bench-newer

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Build the environment in .venv, with Duolu installed in it

# --no-deps: the lock is complete, so that nothing is resolved, and nothing arrives unpinned.
$(INSTALLED): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer with venv and ensurepip among:" \
	  "$(PYTHONS); install one (Debian: python3-venv), or name it: make setup PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c '$(USABLE)' || { echo "$(PYTHON) is older than 3.11 or lacks venv and ensurepip" \
	  "(Debian: python3-venv); name another: make setup PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	$(BIN)/python scripts/openmp.py
	@touch $@

demo: setup ## Catalogue, index, model and service on 127.0.0.1:8000. Your own: DATA=catalog.jsonl
	@$(BIN)/python scripts/demo.py --port $(PORT) $(if $(DATA),--catalogue "$(DATA)")

test: check pytest ## Everything that must hold, as CI runs it

pytest: setup ## The tests alone. Some, in one process: make pytest ARGS="-n 0 -k geo"
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

parity: setup ## Drive a service, compute what it logged once more: not one of a million values differs
	@$(BIN)/python scripts/parity_drive.py $(PARITY_DIR)

check: setup ## Style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: setup ## Let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup ## Write docs/configuration.md and docs/features.md from the code
	$(BIN)/python scripts/generate_docs.py

bench: setup ## Speed and memory, stage by stage, up to a million documents: an hour (docs/performance.md)
	$(BIN)/python benchmarks/speed.py $(ARGS)

bench-rank: setup ## Ranking as served beside LightGBM alone, and the tree scorer beside others: half an hour
	$(BIN)/python benchmarks/ranking.py
	$(BIN)/python benchmarks/rank.py $(ARGS)

bench-split: setup ## From how many candidates scoring pays on two threads: a minute
	$(BIN)/python benchmarks/split.py $(ARGS)

bench-explain: setup ## What it takes to say why a page stands as it does, beside LightGBM: a minute
	$(BIN)/python benchmarks/explain.py $(ARGS)

bench-whynot: setup ## Is the stage that dropped a document named rightly, by brute force: two minutes, more the first time
	$(BIN)/python benchmarks/whynot.py $(ARGS)

bench-tracing: setup ## What traces cost a search (needs the demo's data): three minutes
	$(BIN)/python benchmarks/tracing.py $(ARGS)

bench-prerank: setup ## What cutting the candidates before ranking would save: ten minutes, twice the first time
	$(BIN)/python benchmarks/prerank.py $(ARGS)

bench-filters: setup ## What filters and facets cost a search: some minutes. A million: ARGS="--size 1000000"
	$(BIN)/python benchmarks/filters.py $(ARGS)

bench-console: setup ## How soon the console can be used, in chromium, of a service that runs (make demo)
	$(BIN)/python benchmarks/console.py $(ARGS)

bench-select: setup ## What diversity, quotas and rules cost in nDCG and time: a minute, five the first time
	$(BIN)/python benchmarks/selection.py $(ARGS)

bench-encoders: setup ## Encoders beside one another, quality and cost: DUOLU_DATASETS=DIR, half an hour
	$(BIN)/python benchmarks/encoders.py $(ARGS)

bench-peers: setup ## Our retrieval beside Qdrant Edge, LanceDB, tantivy, bm25s, faiss (docs/performance.md): 8 minutes
	$(BIN)/python benchmarks/peers.py $(ARGS)

bench-service: setup ## Gateway and ranker under load: latency, capacity, swaps (docs/performance.md): 12 minutes
	$(BIN)/python benchmarks/service.py $(ARGS)

bench-freshness: setup ## How soon a change is searched, and what changes cost searches: half an hour
	$(BIN)/python benchmarks/freshness.py $(ARGS)

bench-newer: setup ## What rows newer than the snapshot cost a search, stage by stage: ten minutes
	$(BIN)/python benchmarks/newer_rows.py $(ARGS)

bench-relevance: setup ## nDCG, recall and intervals on real data: DUOLU_DATASETS=DIR (docs/datasets.md)
	$(BIN)/python benchmarks/relevance.py $(ARGS)
	$(BIN)/python benchmarks/recall.py

bench-documents: setup ## How fast changes of documents are on disk and acknowledged: some minutes
	$(BIN)/python benchmarks/documents.py $(ARGS)

bench-durability: setup ## Kill whole services a hundred times and look for what they had promised: half an hour
	$(BIN)/python benchmarks/durability.py $(ARGS)

bench-outages: setup ## Redis, PostgreSQL and the disk away: who notices, and for how long (two minutes)
	$(BIN)/python benchmarks/outages.py $(ARGS)

bench-newcomer: setup ## README's own commands in a fresh clone, timed: some minutes, and the package index
	$(BIN)/python benchmarks/newcomer.py $(ARGS)

bench-folding: setup ## Search while 10,000 changes are folded into 100,000 documents: some minutes
	$(BIN)/python benchmarks/folding.py $(ARGS)

bench-events: setup ## How fast events are on disk and acknowledged, how soon they count: some minutes
	$(BIN)/python benchmarks/events.py $(ARGS)

bench-suggest: setup ## How long a keystroke takes at a million suggestions, and building them: two minutes
	$(BIN)/python benchmarks/suggest.py $(ARGS)

bench-understanding: setup ## Are queries found that are typed otherwise, are right ones left alone: some minutes
	$(BIN)/python benchmarks/understanding.py $(ARGS)

bench-intent: setup ## What the intent of queries adds to ranking: DUOLU_DATASETS=DIR, a quarter of an hour
	$(BIN)/python benchmarks/intent.py $(ARGS)

lock: setup ## Pin what pyproject.toml asks for. Newer versions: make lock ARGS=--upgrade
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra bench \
	  --extra report --extra tune --extra postgres --extra redis --extra encoders --no-annotate --custom-compile-command "make lock" $(ARGS) pyproject.toml -o requirements.lock

test-compose: setup ## The containers, on a Docker engine: search, kill the ranker, search again
	$(BIN)/python scripts/test_compose.py

clean: ## Remove the environment and every cache; data/ and models/ stay
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find app tests scripts benchmarks examples -name __pycache__ -prune -exec rm -rf {} +
