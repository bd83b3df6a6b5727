# Shortcuts for commands that README.md and CONTRIBUTING.md write out.
.DEFAULT_GOAL := help
BIN := .venv/bin

.PHONY: help setup try test lint doctor migrate css

help: ## Show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/pytest: requirements.txt requirements-dev.txt requirements-postgres.txt
	python3 -m venv .venv
	$(BIN)/pip install -r requirements-dev.txt
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
