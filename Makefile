# Everything a contributor does, one word each; `make` lists it. Nothing here is
# needed in production: there the program and its environment are enough.
.DEFAULT_GOAL := help
SHELL := bash
GO    ?= go

# Tools are pinned in their own module files, so that the product's own
# dependencies stay its own. Go builds them once and keeps them.
SQLC  := $(GO) tool -modfile=tools/go.mod sqlc
TEMPL := $(GO) tool -modfile=tools/go.mod templ
LINT  := $(GO) tool -modfile=tools/lint.mod golangci-lint

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
BUILD    = $(GO) build -trimpath -ldflags "-X main.version=$(VERSION)"

.PHONY: help
help: ## List what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

.PHONY: run
run: postgres ## Run it all here: a private Postgres, two demo clinics, the service
	@exec bin/cloister demo

.PHONY: reset
reset: build ## Drop the demo's data
	@bin/cloister demo reset

.PHONY: build
build: assets ## Build bin/cloister
	@$(BUILD) -o bin/cloister ./cmd/cloister

.PHONY: test
test: build postgres browser ## Run every test, in browsers too
	@tools/test $(TESTFLAGS)

.PHONY: race
race: build postgres browser ## Run every test under the race detector
	@tools/test --all $(TESTFLAGS)

.PHONY: bench
bench: assets ## Measure the walls, the pool and the pages; BENCH="--quick" for a short run
	$(GO) run ./internal/bench/run $(BENCH)

.PHONY: drill
drill: build ## Recover a server of its own to a moment, and prove it (needs pgbackrest)
	@deploy/drill.sh $(DRILL)

.PHONY: storm
storm: ## Kill migrations and their server 50 times over 50 clinics
	$(GO) test ./tenants/migrate -run TestStorm -v -timeout 60m -storm.kills 50 -storm.clinics 50 $(TESTFLAGS)

.PHONY: check
check: assets ## Format, generated code, lint, imports
	@bad="$$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l)"; [ -z "$$bad" ] || { echo "not formatted (run gofmt -w):"; echo "$$bad"; exit 1; }
	@tools/fresh
	$(GO) vet ./...
	$(GO) test ./internal/arch
	$(LINT) run

.PHONY: gen
gen: ## Write generated code: queries, pages, what the isolation audit expects
	$(SQLC) generate
	$(TEMPL) generate -path internal/web -log-level error
	$(GO) test ./tenants/isolation/audit -run 'Reference|Documented' -update >/dev/null

# Third-party files of the pages come by npm lockfile, are embedded, and are
# never committed.
.PHONY: assets
assets: internal/web/static/vendor/icons.svg

internal/web/static/vendor/icons.svg: internal/web/package-lock.json $(wildcard internal/web/static/*.go internal/web/assetsbuild/*.go)
	@command -v npm >/dev/null || { echo "make: npm is missing; install Node.js 20 or newer"; exit 1; }
	@npm ci --prefix internal/web --ignore-scripts --no-audit --no-fund --silent
	@$(GO) run ./internal/web/assetsbuild
	@touch $@

# Server programs for the private Postgres, from npm where the system has none.
.PHONY: postgres
postgres: build
	@[ -n "$$DATABASE_URL" ] || bin/cloister postgres >/dev/null 2>&1 \
	  || npm ci --prefix tools/postgres --ignore-scripts --no-audit --no-fund --silent
	@[ -n "$$DATABASE_URL" ] || bin/cloister postgres >/dev/null

# Programs that the browser tests drive.
.PHONY: browser
browser: ## Install what the browser tests drive: Chromium, Playwright, poppler
	@tools/browser

.PHONY: clean
clean: ## Remove what was built and fetched; data stays
	rm -rf bin internal/web/node_modules tools/postgres/node_modules tests/browser/node_modules
	find internal/web/static/vendor -type f ! -name .gitkeep -delete
