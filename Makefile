# Shortcuts for commands that README.md and CONTRIBUTING.md write out.
.DEFAULT_GOAL := help
BIN := .venv/bin
TOOLS := .tools/bin
# Each file with hashes, in this order: the later ones take the versions of the earlier ones.
LOCKS := requirements requirements-postgres requirements-dev requirements-tools

.PHONY: help setup try test lint doctor migrate css lock sbom mutants

help: ## Show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/pytest: requirements-dev.txt
	python3 -m venv .venv
	$(BIN)/pip install -r requirements-dev.txt
	@touch $@

$(TOOLS)/uv: requirements-tools.txt
	python3 -m venv .tools
	$(TOOLS)/pip install -r requirements-tools.txt
	@touch $@

# What runs the mutants needs the app and its tests as well.
$(TOOLS)/flask: requirements-dev.txt requirements-tools.txt
	python3 -m venv .tools
	$(TOOLS)/pip install -r requirements-dev.txt -r requirements-tools.txt
	@touch $@

setup: $(BIN)/pytest ## Create .venv with everything that tests need

try: setup ## Try the app on this machine (PORT=8000)
	$(BIN)/python wsgi.py

test: setup ## Run the quick tests
	$(BIN)/python -m pytest

lint: setup ## Check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict webapp sandbox benchmarks

doctor: setup ## Check settings, database, keys and TikTok's answer
	$(BIN)/flask doctor

migrate: setup ## Apply the newest migrations
	$(BIN)/flask db upgrade

css: ## Join and minify the stylesheets into the one that pages load
	cat static/css/tokens.css static/css/base.css static/css/components.css static/css/pages.css | $(BIN)/python -m rcssmin > static/style.css

lock: $(TOOLS)/uv ## Pin requirements*.in with hashes (UPGRADE=--upgrade: newest of what isn't pinned there)
	for each in $(LOCKS); do $(TOOLS)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes $(UPGRADE) $$each.in -o $$each.txt || exit 1; done

sbom: $(TOOLS)/uv ## Write sbom.json (CycloneDX): every package that can run in production
	$(TOOLS)/cyclonedx-py requirements --output-reproducible --output-format JSON --output-file sbom.json requirements-postgres.txt

mutants: $(TOOLS)/flask ## Change the code in 400 places, one at a time, and list what no test notices
	$(TOOLS)/python -m tests.mutants.run
	$(TOOLS)/python -m tests.promises.page
