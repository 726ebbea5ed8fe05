# Everything runs in .venv, from PyPI alone.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
DEV_STAMP := .venv/.installed-dev

# Most tests wait for processes: four at a time keep two cores busy. Those of one file share what they start; in the
# order of pyproject.toml, which has long files first, so that none is left over at the end.
PYTEST := $(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder
CLIENTS := .venv-clients
CLIENTS_STAMP := $(CLIENTS)/.installed
TOOLS := .venv-tools
TOOLS_STAMP := $(TOOLS)/.installed
BROWSER := .venv-browser
BROWSER_STAMP := $(BROWSER)/.installed
PEERS := .venv-peers
PEERS_STAMP := $(PEERS)/.installed
DOCS := .venv-docs
DOCS_STAMP := $(DOCS)/.installed

.PHONY: demo run test lint conformance faults fuzz gpu-check clean

$(STAMP): pyproject.toml
	@echo "Fetching some 450 MB of packages into .venv ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[grpc,media,bulk]'
	@touch $@

# What tests, checks and benchmarks need besides.
$(DEV_STAMP): $(STAMP)
	@echo "Fetching what the tests need ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,grpc,media,bulk]'
	@touch $@

# The networks, and a Redis where there is none; nothing is fetched when they are there.
.PHONY: install install-dev
install: $(STAMP)
	@$(BIN)/voiceprint models install
	@command -v redis-server >/dev/null || command -v valkey-server >/dev/null || $(BIN)/voiceprint redis install

install-dev: $(DEV_STAMP) install
	@$(BIN)/voiceprint redis install

demo: install ## set up, and do the main job once from end to end
	@$(BIN)/python clients/demo.py

run: install ## serve REST on http://127.0.0.1:8000 and gRPC on 127.0.0.1:8080 until Ctrl-C
	@exec $(BIN)/voiceprint up

test: install-dev
	$(PYTEST)

.PHONY: test-long
test-long: install-dev ## variants of what `make test` tries once, minutes long
	$(PYTEST) -m long

# In an environment of their own: they need another numpy than the appliance.
$(CLIENTS_STAMP): tests/conformance/clients.txt
	@$(PYTHON) -m venv $(CLIENTS)
	@$(CLIENTS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/conformance/clients.txt
	@touch $@

conformance: install-dev $(CLIENTS_STAMP) ## drive the appliance with Phonexia's published clients
	$(PYTEST) tests/conformance

.PHONY: test-ray
test-ray: install-dev ## a run in bulk on a Ray cluster of two nodes; puts Ray into .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,grpc,media,ray]'
	$(BIN)/python -m pytest tests/integration/test_bulk_on_ray.py

# Beside .venv and not in it: what is shipped has nothing of a browser.
$(BROWSER_STAMP): tests/console/browser.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --target $(BROWSER) --requirement tests/console/browser.txt
	@touch $@

.PHONY: test-console
test-console: install-dev $(BROWSER_STAMP) ## the console in Debian's chromium; CONSOLE_SHOTS=folder keeps pictures
	@command -v chromium >/dev/null || { echo 'make test-console needs a browser: apt-get install --no-install-recommends chromium' >&2; exit 1; }
	PYTHONPATH=$(BROWSER) $(PYTEST) tests/console

lint: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

faults: install-dev ## break a running appliance in every way one machine can: 10,000 tasks, minutes long; SEED=1
	$(BIN)/python -m tests.faults --seed $(or $(SEED),1)

fuzz: install-dev ## 20,000 mutated recordings of every format against a running appliance, minutes long
	$(BIN)/python -m tests.fuzz --seed 1 --files 20000

# In an environment of their own: what looks at the packages is none of them.
$(TOOLS_STAMP): deploy/supply-chain.txt
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement deploy/supply-chain.txt
	@touch $@

.PHONY: audit sbom
audit: $(STAMP) $(TOOLS_STAMP) ## known vulnerabilities of the installed packages; needs the internet, and fails where nobody can be asked
	@$(BIN)/python deploy/audit.py $(TOOLS)/bin/pip-audit "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

sbom: $(STAMP) $(TOOLS_STAMP) ## what is installed in .venv, as CycloneDX in sbom.cdx.json, checked against its schema
	@$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --validate --output-file sbom.cdx.json .venv

gpu-check: install-dev ## parity and speed on a CUDA machine, figures to gpu-check.json
	$(BIN)/python -m benchmarks.gpu_check

# In an environment of their own: the appliance has nothing of torch. The two without dependencies: see peers.txt.
$(PEERS_STAMP): benchmarks/peers.txt
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/peers.txt
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps Resemblyzer==0.1.4 silero-vad==6.2.3
	@touch $@

.PHONY: peers
peers: $(PEERS_STAMP) ## the programs that `python -m benchmarks.peers` measures the appliance against

# In an environment of their own: what renders pages has nothing to do with what serves.
$(DOCS_STAMP): docs/sphinx.txt
	@$(PYTHON) -m venv $(DOCS)
	@$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement docs/sphinx.txt
	@touch $@

.PHONY: docs
docs: $(DOCS_STAMP) ## the pages of docs/ as a site in build/docs; a warning, such as a link that leads nowhere, is an error
	@$(DOCS)/bin/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env --doctree-dir build/docs-trees docs build/docs
	@echo build/docs/index.html

clean:
	rm -rf .venv $(CLIENTS) $(TOOLS) $(BROWSER) $(PEERS) $(DOCS) sbom.cdx.json build dist *.egg-info
