# tclookup: what people and CI run. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION := $(shell cat VERSION)
GO      ?= go
LDFLAGS := -s -w -X github.com/tclookup/tclookup/internal/version.version=$(VERSION)
BUILD   := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)'
TOOL    := $(GO) tool -modfile=tools/go.mod
TARGETS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64

.PHONY: help build demo test race vet lint vuln fuzz cross package lint-app bench bench-go cover clean ci

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

build: ## build bin/tclookup for this machine
	$(BUILD) -o bin/tclookup ./cmd/tclookup

demo: build ## the main job on embedded data: outside Splunk, then as Splunk does it
	./bin/tclookup demo

test: ## all tests
	$(GO) test ./...

race: ## the tests under the race detector, without the heavy ones
	$(GO) test -race -short $$($(GO) list ./... | grep -v cmd/tclookup)
	$(GO) test -race -short -run 'Interrupt|FullDisk|Breaker' ./cmd/tclookup

vet: ## go vet and gofmt
	$(GO) vet ./...
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "not gofmt-clean:"; echo "$$out"; exit 1; }

lint: ## golangci-lint with .golangci.yml
	$(TOOL) golangci-lint run ./...

vuln: ## known vulnerabilities; says so when the database cannot be reached
	@$(TOOL) govulncheck ./... || { code=$$?; if [ $$code -eq 3 ]; then exit 3; fi; echo "vulnerability database not reachable: not checked"; }

fuzz: ## each fuzz target for FUZZTIME (10s)
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $${FUZZTIME:-10s} -fuzzminimizetime 10x $$pkg; \
	  done; done

cross: ## build for every platform
	@set -e; for t in $(TARGETS); do echo "== $$t"; \
	  GOOS=$${t%/*} GOARCH=$${t#*/} CGO_ENABLED=0 $(GO) build -trimpath -o /dev/null ./cmd/tclookup; done

package: ## dist/tclookup-<version>.tgz, the Splunk app, the same bytes each time
	$(GO) run ./internal/cmd/apptool package

lint-app: package ## check the packages as Splunk's vetting does
	$(GO) run ./internal/cmd/apptool lint dist/*.tgz

bench: ## ratios against references, measured side by side
	$(GO) run ./internal/cmd/benchtool

bench-go: ## Go benchmarks, comparable with benchstat (see bench/README.md)
	$(GO) test -run '^$$' -bench . -benchmem -count 6 ./codec ./enrich ./chunked ./indicator ./lookupcache/... ./limit ./source/threatcrowd ./internal/cmd/benchtool

cover: ## test coverage by package
	$(GO) test -short -cover ./...

clean: ## remove what was built
	rm -rf bin dist

ci: vet lint test race vuln cross lint-app demo ## everything, as CI runs it
