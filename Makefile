# What CI and people call. Every tool is pinned here and run by `go run`: nothing is installed globally.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GOFUMPT     := mvdan.cc/gofumpt@v0.12.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME  ?= 20s
SEED      ?=
TRIM      ?=
COUNT     ?= 10000
BENCH     ?= .
BENCHTIME ?= 1s
BASE      ?= HEAD
SCENARIO  ?= load
DURATION  ?=
SECONDS   ?= 30
RATE      ?= 1000

# Where the build tag `invariants` spoils lent bytes and checks owners.
INVARIANTS := ./pool/... ./http1/... ./upstream/... ./loop/...

.PHONY: help run build test test-invariants check vuln race fuzz sim soak-sim lint fmt gen bench bench-compare load soak flamegraph wire clean \
	need-go need-cc need-node

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: build ## build and serve with a simulated provider; prints a curl line that works
	@exec bin/penstock serve

build: need-go ## one static binary: bin/penstock
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/penstock ./server/penstock

test: need-go need-cc need-node ## every test under the race detector, with invariants, with the official clients
	go test -race -shuffle=on ./...
	@$(MAKE) --no-print-directory test-invariants sim

test-invariants: need-go need-cc ## the codecs and loops with lent bytes spoiled and owners checked
	go test -race -shuffle=on -tags invariants $(INVARIANTS)

check: lint ## lint, tidiness of go.mod, and the rules of the house (layout_test.go)
	go mod tidy -diff
	go test -count=1 .

vuln: need-go ## known vulnerabilities in what the binary calls; GOVULNDB= another database
	@.ci/vuln

race: need-go need-cc ## every test under the race detector three times, each time in another order
	go test -race -shuffle=on -count=3 ./...

fuzz: need-go ## every fuzz target for FUZZTIME (20s)
	@go test -list '^Fuzz' ./... | awk '/^Fuzz/ {name[++n] = $$1} /^ok/ {for (i = 1; i <= n; i++) print $$2, name[i]; n = 0}' | \
	while read -r package target; do \
		echo "$$package $$target"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" < /dev/null; \
	done

sim: need-go ## simulation from seeds: COUNT= says how many (10000), SEED= replays one with a trace (TRIM= as printed)
	@list="$$(go test -list '^TestSimulation' ./server/gateway)"; \
	grep -q '^TestSimulation' <<< "$$list" || { echo "make sim: there is no test named TestSimulation…, so nothing was simulated." >&2; exit 1; }
	PENSTOCK_SIM_SEED=$(SEED) PENSTOCK_SIM_TRIM=$(TRIM) PENSTOCK_SIM_COUNT=$(COUNT) \
		go test -count=1 $(if $(SEED),-v -run '^TestSimulationGateway$$' ./server/gateway,-run '^TestSimulation' ./server/gateway)

soak-sim: need-go ## simulation with ever new seeds for DURATION= (1h); stops at the first that fails
	PENSTOCK_SIM_DURATION=$(or $(DURATION),1h) go test -count=1 -timeout 0 -v -run '^TestSimulationGateway$$' ./server/gateway

lint: need-go ## format, vet and staticcheck, with and without invariants
	@unformatted="$$(go run $(GOFUMPT) -l .)"; \
	test -z "$$unformatted" || { printf 'make fmt would change:\n%s\n' "$$unformatted" >&2; exit 1; }
	go vet ./...
	go vet -tags invariants ./...
	go run $(STATICCHECK) ./...
	go run $(STATICCHECK) -tags invariants ./...

fmt: need-go ## format every file
	go run $(GOFUMPT) -w .

gen: need-go ## write the generated files anew: configuration reference, sysctl files, tables in docs
	go generate ./...

bench: need-go ## micro-benchmarks: BENCH= (a pattern), BENCHTIME= (1s)
	go test -run '^$$' -bench '$(BENCH)' -benchmem -benchtime $(BENCHTIME) ./...

bench-compare: need-go ## benchmarks of BASE= (HEAD) and of the tree, run in turns; over 5 % dearer fails
	@BENCH='$(BENCH)' .ci/bench-compare '$(BASE)'

load: need-go ## load scenario SCENARIO= (smoke load stress spike endurance memory overload restart), DURATION= to shorten it
	@test -d bench/load || { echo "make load: bench/load is not in this checkout." >&2; exit 1; }
	go run ./bench/load -scenario '$(SCENARIO)' $(if $(DURATION),-duration '$(DURATION)')

soak: need-go ## a long run of every kind of request, fault and event: DURATION= (1h), RATE= (1000); report in bench/results/soak.md
	go run ./bench/soak -rate '$(RATE)' $(if $(DURATION),-duration '$(DURATION)') -out bench/results/soak.md

flamegraph: need-go ## a CPU profile under load as an SVG: SECONDS= (30)
	@test -d bench/flamegraph || { echo "make flamegraph: bench/flamegraph is not in this checkout." >&2; exit 1; }
	go run ./bench/flamegraph -seconds '$(SECONDS)' -out bench/results/raw/flamegraph.svg

wire: need-go ## raw requests to Penstock and to nginx, HAProxy and net/http: bench/results/wire.md
	go run ./bench/wire

clean: ## take away what these targets made
	rm -rf bin bench/results/raw
	find . -path ./.git -prune -o -type f '(' -name '*.test' -o -name '*.prof' ')' -exec rm -f {} +

need-go:
	@command -v go > /dev/null || { echo "make: Go is missing; install Go 1.26 or later from https://go.dev/dl/ and put it on PATH." >&2; exit 1; }

need-cc:
	@command -v "$$(go env CC)" > /dev/null || \
	{ echo "make: the race detector needs a C compiler; install one (apt-get install gcc libc6-dev), or run .ci/run, which does." >&2; exit 1; }

need-node:
	@command -v node > /dev/null && command -v npm > /dev/null || \
	{ echo "make: the client tests need Node.js 20 or later with npm; install them (apt-get install nodejs npm), or run .ci/run, which does." >&2; exit 1; }
