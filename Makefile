# demo and test do all their own set-up: a virtual environment from the hash-pinned locks, and system packages when root.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# A third worker would wait: what shares the one container engine is a third of the work, and one worker's alone.
PYTEST := $(BIN)/python -m pytest -n 2
DEMO_DATE := 2026-11-23
DEMO_AUDITS := german_credit/logistic german_credit/boosted german_credit/biased synthetic_credit/logistic
REPORTS := build/reports
REGISTRY := build/model_registry.db

.PHONY: help demo test unit e2e check bench docs lock clean
help: ## Show what there is to make
	@awk -F':.*## ' '/^[a-z0-9]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@./.ci/system-packages venv "$(PYTHON)"
	"$(PYTHON)" -m venv .venv

.venv/runtime: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: requirements-dev.lock .venv/runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

demo: .venv/runtime ## Train, audit, gate, record and show four models on real and synthetic data
	@./.ci/system-packages report $(BIN)/python
	@$(BIN)/python examples/german_credit/make_model.py
	@$(BIN)/python examples/synthetic_credit/make_model.py
	@for audit in $(DEMO_AUDITS); do \
	  name=$(REPORTS)/$$(echo $$audit | tr / _); echo; \
	  $(BIN)/glassalpha audit --config examples/$$audit.audit.yaml --as-of $(DEMO_DATE) --output $$name.html --output $$name.pdf; \
	  [ $$? -le 1 ] || exit 1; \
	done
	@echo; $(BIN)/glassalpha registry init --database $(REGISTRY)
	@$(BIN)/glassalpha registry submit --database $(REGISTRY) $(REPORTS)/*.audit.json
	@echo; $(BIN)/glassalpha registry list --database $(REGISTRY)
	@echo; $(BIN)/glassalpha portal build --database $(REGISTRY) --out build/portal
	@echo; echo "Look at  build/portal/index.html      the portal that leadership reads"
	@echo "         $(REPORTS)/*.html, *.pdf  one report per model"
	@echo "         $(REGISTRY)      the registry, an SQLite file"

test: .venv/dev ## Run every test, the container, the browser and the other real parts beside the fast lane
	@./.ci/system-packages test $(BIN)/python
	$(PYTEST)

unit: .venv/dev ## Run the fast lane only
	@./.ci/system-packages report $(BIN)/python
	$(PYTEST) -m "not e2e"

e2e: .venv/dev ## Run the real parts only
	@./.ci/system-packages test $(BIN)/python
	$(PYTEST) -m e2e

check: .venv/dev ## Lint, types and the floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev ## Print the speed ratios, each measured side by side in this run
	$(BIN)/python -m benchmarks

docs: .venv/dev ## Write the generated pages and schemas again
	$(BIN)/python -m tests.generated

LOCK := uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --group build pyproject.toml
lock: ## Resolve the locks again (needs uv)
	$(LOCK) --extra image -o requirements.lock
	$(LOCK) --all-extras --group dev -c requirements.lock -o requirements-dev.lock

clean: ## Remove what was built
	rm -rf build dist examples/*/build
