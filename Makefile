# The commands of the privacy portal. Two are enough: `make run` and `make test`.
# Nothing is installed outside this folder, and nothing here needs root.

PYTHON ?= python3
PORT ?= 8000
ARGS ?=
MARKS ?= not benchmark

VENV := .venv/bin/python
UV := .tools/uv/bin/uv
UV_LOCK := .ci/uv.lock

# One Python: the machine's own. uv never downloads another.
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
# The machine's own certificate authorities, as pip uses them.
export UV_SYSTEM_CERTS ?= 1
export PORT

.PHONY: help run codes test bench lint lock setup clean
.DEFAULT_GOAL := help

help:
	@echo 'make run     set up and serve the portal with its demo at http://127.0.0.1:$(PORT)/ (PORT=...)'
	@echo 'make codes   the log-ins of the running demo, with the one-time codes of this moment'
	@echo 'make test    set up and run every test (ARGS="-k ..." for some)'
	@echo 'make bench   measure import, erasure and search'
	@echo 'make lint    style, types, security and Django checks'
	@echo 'make setup   only install what is locked into .venv'
	@echo 'make lock    resolve the dependencies of pyproject.toml anew into requirements.lock'
	@echo 'make clean   remove .venv and .tools, and .local with ALL DATA of `make run`'

run: setup
	@exec $(VENV) -m portal.supervise --stop-with-parent

codes:
	@PORTAL_DEMO=1 $(VENV) manage.py demologins

# On the servers that the environment names, or else on private throw-away ones.
test: setup
	@exec $(VENV) -m portal.embedded run -- $(VENV) -m pytest -m "$(MARKS)" $(ARGS)

bench: setup
	@exec $(VENV) -m portal.embedded run -- $(VENV) -m pytest -m benchmark -s $(ARGS)

lint: setup
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m mypy
	$(VENV) -m bandit -q -ll -r -c pyproject.toml manage.py portal clients consumers requests
	$(VENV) -m portal.embedded run -- sh .ci/check

setup: $(UV)
	@sh .ci/setup '$(PYTHON)'

$(UV): $(UV_LOCK)
	@sh .ci/get-uv '$(PYTHON)'

lock: setup
	$(UV) pip compile --universal --generate-hashes --no-annotate --no-header --group dev \
	    pyproject.toml -o requirements.lock --python-version 3.11
	$(UV) pip compile --universal --generate-hashes --no-annotate --no-header \
	    .ci/uv.in -o $(UV_LOCK) --python-version 3.11

# The private servers of this folder are stopped first; those of others are not touched.
clean:
	@if [ -x $(VENV) ] && [ -d .local ]; then $(VENV) -m portal.embedded stop; fi
	rm -rf .local .venv .tools .mypy_cache .pytest_cache .ruff_cache .hypothesis
