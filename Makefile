# Whatever runs Python is set up first; `vscode`, `clean` and `help` need nothing of it. `make` alone
# says what there is. GNU make 3.81 and newer.
PY := .venv/bin/python
# More arguments for what runs: make test ARGS="tests/lsp -x", make demo ARGS="--learning 60"
ARGS :=
# Processes that run tests side by side; with JOBS=0 it is one, in which a debugger can stop. Three
# keep two cores busy, since tests wait often; with long ones, which start engines, two do.
JOBS := 3
test-long test-all: JOBS := 2
PYTEST = $(PY) -m pytest -n $(JOBS) $(ARGS)
# Nothing that is run from here reports anything to anybody.
export VLLM_NO_USAGE_STATS := 1
export DO_NOT_TRACK := 1
export HF_HUB_OFFLINE := 1
export HF_HUB_DISABLE_TELEMETRY := 1

.DEFAULT_GOAL := help

.PHONY: help
help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install everything into .venv (PYTHON=, HONE_TORCH_INDEX=); whatever runs Python does this too
	@sh deploy/install.sh

.PHONY: demo
demo: setup ## the whole loop on this machine (REPO=, SEED=, ENGINE_URL=)
	@$(PY) -m deploy.demo $(if $(REPO),--repo "$(REPO)") $(if $(SEED),--seed "$(SEED)") \
		$(if $(ENGINE_URL),--engine-url "$(ENGINE_URL)") $(ARGS)

.PHONY: serve
serve: setup ## the same programs, kept up, for your own editor
	@$(PY) -m deploy.demo.serve $(if $(ENGINE_URL),--engine-url "$(ENGINE_URL)")

.PHONY: test
test: setup ## the tests, 15 minutes at most (ARGS="tests/lsp -x")
	@$(PYTEST) -m "not long"

.PHONY: test-long
test-long: setup ## only what `make test` leaves out: minutes each, or an editor, node, a browser
	@$(PYTEST) -m long

.PHONY: test-all
test-all: setup ## every test, 45 minutes at most
	@$(PYTEST)

.PHONY: check
check: setup ## lint, format, types, import rules, licences
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m pyright --warnings
	@.venv/bin/lint-imports --no-cache
	@$(PY) deploy/licences.py --check

.PHONY: fix
fix: setup ## what the linter and the formatter can put right themselves
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

.PHONY: licences
licences: setup ## write THIRD_PARTY from the lock
	@$(PY) deploy/licences.py

.PHONY: bench-loop
bench-loop: setup ## the demo over 5 seeds against its rivals; more than an hour (ARGS="--resume")
	@$(PY) -m tests.bench.loop $(ARGS)

.PHONY: bench-advantage
bench-advantage: setup ## estimator and reward against plain Python
	@$(PY) -m tests.bench.advantage $(ARGS)

.PHONY: bench-serve
bench-serve: setup ## what the gateway adds, and swaps (ARGS="--engine vllm"); what makes edits fast ("--edits")
	@$(PY) -m tests.bench.serve $(ARGS)

.PHONY: bench-trainer
TRL = build/trl
bench-trainer: setup ## one update beside TRL's, which is installed for this alone (ARGS="--turns 1")
	@test -f $(TRL)/ready || { $(PY) -m venv $(TRL) && \
	  $(PY) -c "import sysconfig; print(sysconfig.get_path('purelib'))" > $(TRL)/hone.pth && \
	  mv $(TRL)/hone.pth $(TRL)/lib/python*/site-packages/ && \
	  $(TRL)/bin/python -m pip install --quiet trl==1.16.0 && touch $(TRL)/ready; }
	@$(PY) -m tests.bench.trainer --trl $(TRL)/bin/python $(ARGS)

.PHONY: bench-gapo
bench-gapo: setup ## where GAPO's estimator helps: gradients, 5 minutes; training, half an hour, resumable
	@test -f build/bench/gapo-alignment.json || $(PY) -m tests.bench.gapo_alignment
	@$(PY) -m tests.bench.gapo_training $(ARGS)

.PHONY: bench-gapo-real
bench-gapo-real: setup ## the same arms on real next edits, 20 minutes (needs HONE_DATA)
	@$(PY) -m tests.bench.gapo_real $(ARGS)

.PHONY: bench-mine
bench-mine: setup ## how fast history becomes tasks (ARGS="--commits N")
	@$(PY) -m tests.bench.mine $(ARGS)

.PHONY: bench-store
bench-store: setup ## events a second, acks, kill -9; 5 minutes (ARGS="--events 10000000": an hour)
	@$(PY) -m tests.bench.store $(ARGS)

.PHONY: bench-model
bench-model: setup ## what the embedded model knows, as served (needs HONE_DATA; ARGS="--model FOLDER")
	@$(PY) -m tests.bench.model $(ARGS)

.PHONY: bench-lsp
bench-lsp: setup ## the language server: start, keys, latency, memory, outcomes; 10 minutes
	@$(PY) -m tests.bench.lsp $(ARGS)

.PHONY: bench-cold-start
bench-cold-start: setup ## what a repository's own history is worth (needs HONE_DATA; ARGS="--model FOLDER")
	@$(PY) -m tests.bench.cold_start $(ARGS)

.PHONY: model
model: setup ## train the embedded model anew into build/model and build/sft (needs HONE_DATA)
	@test -d "$(HONE_DATA)" || { echo "set HONE_DATA to the folder of corpus.jsonl.gz and edits/"; exit 2; }
	@$(PY) -m trainer.cli pretrain $(RECIPE) $(SHAPE) --pretrain.tokens $(or $(TOKENS),20000000) $(ARGS) \
	  --pretrain.output build/model$(SIZE) --pretrain.unlike $(HONE_DATA)/edits/valid.jsonl.gz \
	  --pretrain.corpus '["$(HONE_DATA)/corpus.jsonl.gz"]'
	@$(PY) -m trainer.cli sft $(RECIPE) --base build/model$(SIZE) --sft.tokens $(or $(TOKENS),20000000) $(ARGS) \
	  --sft.tasks '["$(HONE_DATA)/edits/train.jsonl.gz"]' --sft.unlike $(HONE_DATA)/edits/valid.jsonl.gz \
	  --sft.corpus '["$(HONE_DATA)/corpus.jsonl.gz"]' --sft.output build/sft$(SIZE)
RECIPE = --model.profile hone-tiny

.PHONY: model-small
model-small: SIZE = -small
model-small: SHAPE = --pretrain.layers 12 --pretrain.width 512 --pretrain.mlp 1536 --pretrain.vocabulary 8192
model-small: model ## a larger one, hone-small, of 84 MB: days without an accelerator (TOKENS=)

.PHONY: wheel
wheel: setup ## build the wheel into dist/
	@$(PY) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist . && ls dist

.PHONY: vscode
vscode: ## the extension for VS Code, build/hone-vscode.vsix (needs node 20 and npm)
	@sh deploy/editors/vscode/build.sh build/hone-vscode.vsix

.PHONY: clean
clean: ## remove all that the targets above have made, the environment too
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
