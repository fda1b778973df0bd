# Every command makes `.venv` from the lock files first; all are safe to repeat.
# PORT, SANDBOX_PORT, CONTACTSYNC_HOME and PYTHON move things: make run PORT=9000
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(shell command -v $(p))) python3)
VENV_PYTHON = .venv/bin/python
BOOTSTRAP = "$(PYTHON)" scripts/bootstrap.py
# Many short processes: compile each module once, and outside the source tree.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX = $(CURDIR)/.tools/pycache

.PHONY: run dev test test-fast soak lint bench bench-hygiene clean
run: ## the product with a demo tenant and simulated providers
	@exec $(BOOTSTRAP) run
dev: ## only make .venv ready for development
	@$(BOOTSTRAP) dev
test: dev ## every lane, one summary
	@exec $(VENV_PYTHON) -m tests.run
test-fast: dev ## the unit lane on SQLite, without its slow tests
	@exec $(VENV_PYTHON) -m tests.run --lanes fast
soak: dev ## break a running product for MINUTES=30; SEED=... repeats one story
	@exec $(VENV_PYTHON) -m tests.faults.soak --minutes $(or $(MINUTES),30) \
	  $(if $(SEED),--seed $(SEED)) $(if $(ENGINE),--engine $(ENGINE)) \
	  $(if $(SIGNUPS),--signups $(SIGNUPS)) $(if $(STEPS),--steps $(STEPS))
lint: dev
	@exec $(VENV_PYTHON) -m tests.run --lanes lint
bench: dev
	@exec $(VENV_PYTHON) -m bench
bench-hygiene: dev ## how well and how fast the filter judges
	@exec $(VENV_PYTHON) -m bench.hygiene
clean: ## the environment and caches; never the data in var/
	rm -rf .venv .tools .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
