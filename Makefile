# make demo: the whole story in two minutes.  make test: the usual checks, a quarter of an hour.  make slow: the rest.
# make docs: the documentation as a site.  make dist: what is published, installed and tried.  make matrix: other Pythons.
# make examples: the five reported programs, forty minutes; with their scores asserted.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DONE := $(VENV)/.installed

.PHONY: demo test slow examples check venv lock docs docs-serve catalogue first-script dist matrix pictures recording ecg clean

demo: venv
	$(BIN)/python examples/ecg.py

test: check
	$(BIN)/python -m pytest tests --ignore tests/test_contracts.py --ignore tests/test_layout.py -m "not timing and not slow" -n 2 --dist loadscope --no-loadscope-reorder --durations 10
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
	$(BIN)/python -m pytest tests/test_contracts.py tests/test_layout.py -n 2 --dist worksteal

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

# The site, in .make/site; every warning is an error.
docs: catalogue .make/docs/.installed
	.make/docs/bin/mkdocs build --strict --quiet

docs-serve: .make/docs/.installed
	.make/docs/bin/mkdocs serve

catalogue: venv
	$(BIN)/remedy catalogue --markdown > docs/catalogue.md

.make/docs/.installed: pyproject.toml
	$(PYTHON) -m venv .make/docs
	.make/docs/bin/python -m pip install --quiet "mkdocs-material>=9.5" "mkdocstrings[python]>=0.27"
	@touch $@

# The script, the output and the patch that README and quickstart show.
first-script: venv
	$(BIN)/python docs/first_script.py

# sdist and wheel; the wheel is installed into a fresh environment and tried there.
dist: venv
	rm -rf .make/dist build
	$(BIN)/python -m build --no-isolation --outdir .make/dist . > /dev/null
	$(PYTHON) -m venv --clear .make/wheel
	.make/wheel/bin/python -m pip install --quiet .make/dist/*.whl
	.make/wheel/bin/python -m pip check
	cd .make/dist && ../wheel/bin/remedy --version && ../wheel/bin/remedy doctor
	cd .make/dist && ../wheel/bin/python $(CURDIR)/examples/first_script.py
	@ls .make/dist

# The core of the tests under every Python 3.11 to 3.13 that is here, with the newest and the oldest releases allowed.
matrix:
	$(PYTHON) tests/matrix.py

# The pictures of the README, from the newest fixed run of the ECG example and from what the browser test saw.
pictures: venv
	$(BIN)/python docs/pictures.py

# What opens the README: make demo, as it prints.
recording: venv
	$(BIN)/python docs/recording.py

# The ECG example on real recordings: make ecg DATA=mitbih_30s_90hz.npz
ecg: venv
	$(BIN)/python examples/ecg.py --data $(DATA) --json

clean:
	rm -rf $(VENV) .make .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
