# Every target says what it does: `make` lists them. Targets install what they
# need by themselves (scripts/setup), on Debian 12+ and Ubuntu 24.04+.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
GO          ?= go
ARGS        ?=

.PHONY: help demo run build build-pkcs11 test fuzz soak chaos-webhooks growth-webhooks judges sdk verify-page bench bench-api bench-auth bench-changes bench-scale bench-seal bench-verify bench-tsp bench-webhooks bulk lint fmt contract schemathesis openapi mutants

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## the whole way of a scanned page, from upload to archive, told step by step; leaves a folder of evidence
	@scripts/setup run demo
	@$(MAKE) --no-print-directory build
	@PARAPH_BROWSER="$$(cat .cache/browser-path)" ./bin/paraph demo $(ARGS)

run: ## start the server and keep it up; prints its address, a first credential and three curl lines
	@scripts/setup run
	@$(MAKE) --no-print-directory build
	@./bin/paraph serve --first-start credential $(ARGS)

build: ## build bin/paraph
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -o bin/paraph ./cmd/paraph

build-pkcs11: ## build bin/paraph-pkcs11, which signs with keys in hardware modules; it needs a C compiler
	@mkdir -p bin
	CGO_ENABLED=1 $(GO) build -trimpath -buildvcs=auto -o bin/paraph-pkcs11 ./cmd/paraph-pkcs11

test: ## run every test on SQLite and PostgreSQL (go vet is run by make lint and make judges); a missing counterpart is a failure; ends with one line of counts
	@scripts/setup test
	@PARAPH_REQUIRE=1 $(GO) test -json -vet=off -timeout 14m -p 3 -ldflags='-s -w' ./... | $(GO) run ./scripts/testcount

fuzz: ## run every fuzz target for 10 minutes, and keep as seeds what reaches new code (ARGS="-time 1m -match pades")
	$(GO) run ./scripts/fuzz $(ARGS)

soak: ## kill the server 500 times on SQLite, PostgreSQL, and PostgreSQL with a bucket, and count what is lost (ARGS="-kills 100 -store s3 -seed 7")
	@scripts/setup test
	@PARAPH_REQUIRE=1 $(GO) test ./internal/e2e/soak -v -count 1 -timeout 4h -run '^TestSoak$$' -args -kills 500 -store all $(ARGS) | grep --line-buffered -vE '^=== '

chaos-webhooks: ## kill the server 50 times on each store while 50,000 events are sent to endpoints that are well, flapping and away, and count what is lost (ARGS="-kills 10 -events 5000")
	@scripts/setup test
	@PARAPH_REQUIRE=1 $(GO) test ./internal/e2e/webhooks -v -count 1 -timeout 4h -run '^TestChaos$$' -args -kills 50 -events 50000 $(ARGS) | grep --line-buffered -vE '^=== '

judges: ## let software that nobody here wrote judge the output: pyHanko, EU DSS, LibPDF, pdfsig, qpdf, veraPDF, Standard Webhooks, Kafka, Tessera, openssl, go-oidc, openid-client, oidc-provider, Authlib, tus-js-client, schemathesis, spectral, axe
	@scripts/setup judges
	@PARAPH_BROWSER="$$(cat .cache/browser-path)" judges/run

verify-page: ## build the static page that checks files in a browser, without sending them, into out/verify-page
	@mkdir -p out/verify-page
	GOOS=js GOARCH=wasm $(GO) build -trimpath -ldflags='-s -w' -o out/verify-page/verify.wasm ./internal/verdict/page
	cp internal/verdict/page/*.html internal/verdict/page/*.css internal/verdict/page/*.js internal/verdict/page/*.svg "$$($(GO) env GOROOT)/lib/wasm/wasm_exec.js" out/verify-page/

bulk: ## send one document to 1,000 people on both stores, and print the time (ARGS="-bulk-rows 10000")
	@scripts/setup test
	@PARAPH_REQUIRE=1 $(GO) test ./internal/httpapi -v -count 1 -run '^TestBulkMany$$' -args -bulk-rows 1000 $(ARGS) | grep --line-buffered -vE '^=== '

bench: ## measure OCR beside plain Tesseract and OCRmyPDF, in one run
	@scripts/setup bench
	$(GO) run ./bench/ocr $(ARGS)

bench-api: ## measure reading, listing, searching and batches at 1 thousand, 100 thousand and a million documents, on both stores (ARGS="-store sqlite -sizes 1000,100000")
	$(GO) run ./bench/api $(ARGS)

bench-changes: ## measure state changes a second over HTTP, on both stores, beside a bare group commit of the same rows
	$(GO) run ./bench/changes $(ARGS)

bench-auth: ## measure authentication and decision of tokens that are new, beside a bare ecdsa.Verify, and token requests a second over HTTP
	$(GO) run ./bench/auth $(ARGS)

bench-webhooks: ## measure deliveries a second and the time from event to receipt at 10, 100 and 1,000 endpoints, beside one that hangs, of webhooks in, and of two delivery processes beside one (ARGS="-rounds 1")
	$(GO) run ./bench/webhooks $(ARGS)

growth-webhooks: ## fill a store with ten million events and a million dead deliveries, and measure it beside a small one (ARGS="-rounds 1")
	@mkdir -p .cache/growth && rm -rf .cache/growth/big .cache/growth/small
	$(GO) run ./bench/scale load -data .cache/growth/small -documents 1000
	$(GO) run ./bench/scale load -data .cache/growth/big
	$(GO) run ./bench/webhooks growth -big .cache/growth/big -small .cache/growth/small $(ARGS)

bench-scale: ## measure start, memory, uploads and audits; ARGS="load -data DIR" fills a store with a million documents, "start -data DIR" measures it
	@$(GO) run ./bench/scale $(if $(ARGS),$(ARGS),start)
	@$(if $(ARGS),true,$(GO) run ./bench/scale idle && $(GO) run ./bench/scale upload)

bench-seal: ## measure signing PDF files beside pyHanko, LibPDF, @signpdf and PDFBox, in one run (ARGS="-quick")
	@sh bench/seal/setup.sh
	$(GO) run ./bench/seal $(ARGS)

bench-verify: build ## measure paraph verify of a 50 MB file of 70 scanned pages at level B-LTA, beside hashing it
	@$(GO) run ./bench/seal -verify bin/paraph

bench-tsp: ## measure making and verifying time stamp tokens beside the bare signatures in them (ARGS="-rounds 1000")
	$(GO) run ./bench/tsp $(ARGS)

mutants: ## drop or switch off, one at a time, each row, condition, policy, route, refusal and control of security, and see a test turn red for every one (ARGS="-only TEXT -v")
	$(GO) run ./scripts/mutants $(ARGS)

lint: ## gofmt, go vet, staticcheck, and govulncheck where its database can be reached
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	  if [ -n "$$unformatted" ]; then echo "not formatted (make fmt mends it):"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	@echo "$(GO) run $(GOVULNCHECK) ./..."; set +e; out=$$($(GO) run $(GOVULNCHECK) ./... 2>&1); code=$$?; \
	  if [ $$code -ne 0 ] && grep -qE 'fetching vulnerabilities|dial tcp|no such host|Forbidden|timeout' <<<"$$out"; then \
	    echo "govulncheck was left out: its database cannot be reached from here"; \
	  else echo "$$out"; exit $$code; fi

fmt: ## format the Go code
	gofmt -w $$(git ls-files '*.go')

contract: ## lint the contract, compare it with the last released one (a breaking change needs a record in api/changes), and write docs/contract-changes.md
	@scripts/contract

schemathesis: ## attack every operation of a running server with 200 requests and more that its contract allows or forbids, on both stores (ARGS="-store sqlite -only getDocument -groups 1 -seed 7")
	@scripts/setup test
	@PARAPH_REQUIRE=1 PARAPH_SCHEMATHESIS="$$(judges/schemathesis/install)" $(GO) test ./internal/e2e/contract -tags judges -count 1 -v -timeout 4h -run '^(TestSchemathesis|TestSeededFaults)$$' -args -examples 200 -groups 12 $(ARGS)

openapi: ## write api/openapi.yaml, api/asyncapi.yaml and api/events anew from the code
	$(GO) test ./internal/httpapi -run 'TestSpecIsCommitted|TestEventContractIsCommitted|TestSchemasAreCommitted' -update

sdk: ## write the types and operations of the four SDKs anew from the contract
	$(GO) run ./sdk/gen
