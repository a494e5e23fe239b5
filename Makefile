# make demo: the whole story in a few minutes.  make test: every check, in a quarter of an hour.  make slow: the rest.
# make examples: the five reported programs, a quarter of an hour; with their scores asserted.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DONE := $(VENV)/.installed

.PHONY: demo test slow examples check venv lock docs pictures ecg clean

demo: venv
	$(BIN)/python examples/ecg.py

test: check
	$(BIN)/python -m pytest tests --ignore tests/test_contracts.py -m "not timing and not slow" -n 2 --dist loadscope --no-loadscope-reorder --durations 10
	$(BIN)/python -m pytest tests -m timing

# What make test leaves out: long trainings, one after the other.
slow: venv
	$(BIN)/python -m pytest tests -m slow --durations 10

# The five reported programs with generated data, or with real data: make examples DATA=folder
examples: venv
	$(BIN)/python benchmarks/stories.py $(if $(DATA),--data $(DATA))

check: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/test_contracts.py -n 2

venv: $(DONE)

$(DONE): requirements.lock pyproject.toml
	@$(PYTHON) -c "import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else 'remedy needs Python 3.11, 3.12 or 3.13, this is %d.%d: make PYTHON=python3.12' % v)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(DONE)

# Exact versions with hashes for Python 3.11 to 3.13 on Linux and macOS; no index address is written.
lock:
	$(PYTHON) -m venv .make/lock
	.make/lock/bin/pip install --quiet uv
	.make/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-header --no-emit-index-url --no-emit-find-links --extra dev pyproject.toml --output-file requirements.lock

docs: venv
	$(BIN)/remedy catalogue --markdown > docs/catalogue.md

# The pictures of the README, from the newest fixed run of the ECG example and from what the browser test saw.
pictures: venv
	$(BIN)/python docs/pictures.py

# The ECG example on real recordings: make ecg DATA=mitbih_30s_90hz.npz
ecg: venv
	$(BIN)/python examples/ecg.py --data $(DATA) --json

clean:
	rm -rf $(VENV) .make .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
