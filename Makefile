# make demo   set up what is missing and open the console on a simulated world
# make test   set up what is missing and pass the tests
# make help   the rest

GO      ?= go
BIN     := bin/ops-console
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
LINT    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.0
TOOLS   := $(CURDIR)/.tools

# A program with the race detector stands still for a second at its end, for goroutines that are left. Tests leave none.
export GORACE ?= atexit_sleep_ms=100

.PHONY: help demo test versions model check bench e2e setup setup-test build fuzz docs elixir-oracle clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

build: $(BIN) ## build bin/ops-console

$(BIN): FORCE
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/ops-console

demo: setup build ## open the console on a simulated world
	@$(BIN) demo $(ARGS)

# The linters vet (make check), and nobody debugs these programs.
TEST := $(GO) test -vet off -ldflags '-s -w' -timeout 8m

# With the race detector only a part of the executions is explored, and of the scenarios played: it makes them ten times as slow.
test: setup-test ## run every test, with the race detector; SQL also as where there is no cgo
	@$(MAKE) --no-print-directory -j2 test-race test-aside

.PHONY: test-race test-aside
test-race:
	$(TEST) -race $$($(GO) list ./... | grep -v /ops/deploy/scenario)

# These only compute: they take what the others, which wait a lot and watch the time, leave of the machine.
test-aside: export GOMAXPROCS := 1
test-aside:
	CGO_ENABLED=0 nice -n 19 $(TEST) ./ops/ecto/pgsql
	nice -n 19 $(TEST) -run 'Model|EveryRule|Remembering|TakenOver|LeasesOutlive' ./ops/deploy
	nice -n 19 $(TEST) ./ops/deploy/scenario
	nice -n 19 $(TEST) -race -run 'TakesOver|Detached|Overruled' ./ops/deploy/scenario

versions: setup-test ## run the tests of replication on PostgreSQL 13 and 18 too, fetching them
	@servers=$$(.ci/postgres 13 18) && eval "$$servers" && set -x && \
	OPS_CONSOLE_POSTGRES_ONLY=1 $(TEST) -race -p 2 -parallel 3 ./ops/replication/scenario ./ops/postgres/... ./ops/replication/...

model: ## explore deployments with FAULTS=3 faults at once (make test: two), MODEL_ONLY=REGEXP for a part
	MODEL_FAULTS=$(or $(FAULTS),3) $(GO) test -count=1 -v -timeout 4h -run '^TestModel$$|^TestTakenOverWithout|^TestLeasesOutlive|^TestEveryRule' ./ops/deploy

check: $(TOOLS)/golangci-lint ## run the linters
	@# its cache keeps the paths of the checkout that filled it, and path rules fail on those of another
	GOLANGCI_LINT_CACHE=$(CURDIR)/.tools/lint-cache $(TOOLS)/golangci-lint run ./...

$(TOOLS)/golangci-lint:
	GOBIN=$(TOOLS) $(GO) install $(LINT)

bench: ## run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

e2e: setup-test ## only the tests that drive the whole program in a terminal
	$(TEST) -race -count=1 ./cmd/...

fuzz: ## give every fuzz target 30 seconds
	@.ci/fuzz 30s

docs: ## rewrite what is generated from the code
	UPDATE_GOLDEN=1 $(GO) test ./tui/... ./ops/... ./cmd/... -run 'Docs|Golden'

elixir-oracle: setup-test ## compare the Elixir parser with Elixir's own on every file of a directory: DIR=path
	ELIXIR_ORACLE_DIR='$(abspath $(DIR))' $(GO) test -count=1 -v -timeout 30m -run '^TestDirectoryReadsAsElixirReadsIt$$' ./ops/ecto/elixir

setup: ## install PostgreSQL's server binaries and tmux where they are missing
	@.ci/setup

setup-test:
	@.ci/setup test

clean: ## remove what was built
	rm -rf bin .tools

FORCE:
