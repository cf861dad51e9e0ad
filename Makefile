# zaitaku: `make demo` and `make test` do everything on a fresh Debian or Ubuntu machine.
.DEFAULT_GOAL := help
SHELL := /bin/bash
ifndef PYTHON
PYTHON := $(shell tools/python.sh)
endif
VENV := .venv
BIN := $(VENV)/bin
PROVIDER := tests/provider/node_modules/.package-lock.json
export ZAITAKU_DATA ?= data
# Hundreds of our own processes start in a run: each would compile the whole product again.
unexport PYTHONDONTWRITEBYTECODE

# Cases for each target of `make fuzz`: three targets and more look at each kind of input.
CASES ?= 34000

# What the bridge's single file is built with; Debian's Python keeps its library in a package apart.
BUNDLE_PACKAGES := binutils $(shell $(PYTHON) -c 'import sys; \
	print("libpython3.%d" % sys.version_info[1] if sys.base_prefix == "/usr" else "")')

# What the tests run for real, from Debian's own packages.
TEST_PACKAGES := chromium-headless-shell nginx-light redis-server postgresql etcd-server etcd-client systemd pcscd vsmartcard-vpcd opensc openssl curl \
	poppler-utils fonts-morisawa-bizud-gothic fonts-noto-cjk iproute2 util-linux libfaketime \
	desktop-file-utils xdg-utils $(BUNDLE_PACKAGES)

.PHONY: help setup setup-dev test-packages demo test compiled test-fast fuzz lint format bench bench-import bench-bridge bench-console faults bench-overload bench-scale bridge screenshots lock security audit sbom scan clean

help: ## この一覧を表示する / list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(VENV)/.runtime ## 実行に必要なものを入れる / install what the product needs
setup-dev: $(VENV)/.dev ## 開発に必要なものも入れる / and what its tests need

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 以上が必要です / Python 3.11+ is needed"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || tools/packages.sh python3-venv
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	@echo "必要なものを入れています（1分から数分）/ installing what is needed (a minute or more)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

test-packages:
	@tools/packages.sh $(TEST_PACKAGES)

# The independent OpenID provider of the tests; its lock file names no address.
$(PROVIDER): tests/provider/package-lock.json
	@command -v npm >/dev/null || tools/packages.sh nodejs npm
	@cd $(dir $<) && npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

demo: setup ## デモを始める（Ctrl-C で終わり） / run the whole product with a virtual card
	@exec $(BIN)/zaitaku demo

test: setup-dev test-packages $(PROVIDER) ## すべての検査と試験 / every check and every test
	@$(MAKE) --no-print-directory -j 2 lint compiled
	@$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

# Each worker of the tests would compile all of them at the same moment; lint leaves a core idle.
compiled: setup-dev
	-@$(BIN)/python -m pytest --collect-only -qq >/dev/null 2>&1

test-fast: setup-dev $(PROVIDER) ## ブラウザと実機器を使わない試験 / tests without browser and card service
	@$(BIN)/python -m pytest -q -m "not browser and not pcscd and not slow" $(ARGS)

fuzz: setup-dev ## でたらめな入力を大量に試す / damaged cards, certificates, requests, returns (CASES=…)
	@ZAITAKU_FUZZ_CASES=$(CASES) $(BIN)/python -m pytest tests/fuzz -n 2 --dist loadfile -p no:logging

lint: setup-dev ## 静的検査 / static checks
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/bandit -q -ll -r zaitaku tools packaging wsgi.py 2>/dev/null

format: setup-dev ## 書式を整える / format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup-dev test-packages ## 速さを測る / application CPU beside a bare Flask floor
	@$(BIN)/python -m bench.journey $(ARGS)

bench-import: setup-dev test-packages ## 1万件の一括登録を測る / bulk registration of 10,000 accounts beside a bare floor
	@$(BIN)/python -m bench.account_import

bench-bridge: setup-dev test-packages ## カード自身の時間に何が加わるか / what the bridge adds to the card's own time
	@$(BIN)/python -m tests.pcscd -- $(BIN)/python -m bench.bridge $(ARGS)

bench-overload: setup-dev test-packages ## 5倍の混雑を試す / five times as many patients as can be served
	@$(BIN)/python -m bench.overload $(ARGS)

bench-console: setup-dev test-packages ## 一覧の速さを百万件で測る / the console's lists with a million consents on PostgreSQL
	@$(BIN)/python -m bench.console $(ARGS)

bench-scale: setup-dev test-packages ## 23万施設・1千万件で測る / the same questions at ten thousand to ten million consents
	@$(BIN)/python -m bench.scale $(ARGS)

faults: setup-dev test-packages ## 負荷をかけたまま壊す / every fault under load, with real servers (ARGS="--rows …")
	@$(BIN)/python -m bench.faults $(ARGS)

bridge: setup-dev ## 読み取りアプリを一つのファイルにする / the bridge as one file (OPERATOR=operator.toml)
	@tools/packages.sh $(BUNDLE_PACKAGES)
	@$(BIN)/python -m tools.bundle $(if $(OPERATOR),--operator $(OPERATOR))

security: setup-dev test-packages ## 安全の検査だけ / the security tests, the static scan, known vulnerabilities
	@$(BIN)/bandit -q -ll -r zaitaku tools packaging wsgi.py 2>/dev/null
	@$(BIN)/python -m pytest -q tests/security
	@$(MAKE) --no-print-directory audit

audit: setup-dev ## 依存の既知の脆弱性を調べる / known vulnerabilities of the locked dependencies (OFFLINE=1: no answer is no failure)
	@$(BIN)/python -m tools.audit $(if $(OFFLINE),--offline)

sbom: setup-dev ## 部品表を作る / the bill of materials (CycloneDX) in build/sbom.cdx.json
	@$(BIN)/python -m tools.sbom

# wapiti wants other versions of what the product uses: an environment of its own.
.venv-scan/.ready: requirements-scan.lock
	@$(PYTHON) -m venv .venv-scan
	@.venv-scan/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-scan.lock
	@touch $@

scan: setup-dev test-packages .venv-scan/.ready ## すべての画面を wapiti で攻撃する / a dynamic scan of every page
	@$(BIN)/python -m tools.scan

screenshots: setup-dev test-packages ## 画面の写しを撮り直す / remake docs/screenshots from the running demo
	@$(BIN)/python -m tools.screenshots

lock: setup-dev ## 依存の固定をやり直す / resolve the pinned dependencies again
	@tools/lock.sh

clean: ## 作ったものを消す（データは残す） / remove what was built, keep the data
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
