# Thin: each target names what it does, tools/ does it. All of them can be run again at no cost.
export PATH := $(or $(PLIMSOLL_TOOLS),$(CURDIR)/target/tools)/bin:$(PATH)
.DEFAULT_GOAL := help
.PHONY: help run demo preview build checks deb image sbom test unit soak bench fmt lint deny fuzz docs clean

help: ## lists the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 14

run: build ## builds, and serves this host's numbers at http://localhost:18760/metrics (ARGS=... are the exporter's)
	@tools/run $(ARGS)

demo: ## tells four stories of containers with Prometheus, Alertmanager and Icinga 2, step by step; Enter goes on, Ctrl-C ends it
	@tools/demo

preview: ## draws the dashboards into target/preview, with what the demo makes of them
	@tools/demo </dev/null

build: ## builds target/release/plimsoll, fetching what that needs
	@tools/setup toolchain bpf-linker
	cargo build --release --locked --package plimsoll

checks: ## builds the static program of all checks and its links, in target/checks
	@tools/setup toolchain
	@tools/checks build

deb: ## builds the Debian package, in target/package
	@tools/setup toolchain bpf-linker packaging
	@tools/package deb

image: ## builds the image, an OCI archive in target/package
	@tools/setup toolchain bpf-linker packaging
	@tools/package image

sbom: ## lists the crates that are linked into the programs, in target/package, as CycloneDX
	@tools/setup toolchain
	@tools/package sbom

test: ## runs every check and every test, fetching what they need
	@tools/test all

unit: ## runs the tests that need no root, no containers and no other kernels
	@tools/setup toolchain bpf-linker
	cargo test --locked --workspace --exclude plimsoll-ebpf --lib --bins

soak: ## runs containers, reloads, faults and scrapes for SOAK_SECONDS (7200), after which nothing may have grown
	@tools/setup toolchain bpf-linker packages
	PLIMSOLL_SOAK_SECONDS=$(or $(SOAK_SECONDS),7200) cargo test --locked --workspace --exclude plimsoll-ebpf --test soak -- --nocapture

bench: ## measures, each goal beside its result
	@tools/setup toolchain bpf-linker packages
	cargo bench --locked --workspace --exclude plimsoll-ebpf

fmt: ## puts the source into its one form
	@tools/setup toolchain
	cargo fmt --all

lint: ## checks the form, the lints and the scripts
	@tools/test lint

deny: ## checks licences, sources and (where its database can be fetched) advisories of every dependency
	@tools/test deny

fuzz: ## fuzzes every target, each for FUZZ_SECONDS (60)
	@tools/test fuzz $(or $(FUZZ_SECONDS),60)

docs: ## writes docs/metrics.md from the table of signals, the figures of docs/scale.md, the dashboards from their definitions, the commands in deploy from those of the checks, the manifests from the chart
	@tools/setup toolchain bpf-linker icinga2 kubernetes
	UPDATE_DOCS=1 cargo test --quiet --locked --package plimsoll-tests --test tidy the_reference
	UPDATE_DOCS=1 cargo test --quiet --locked --package plimsoll-tests --test scale
	UPDATE_DOCS=1 cargo test --quiet --locked --package plimsoll-tests --test dashboards the_files
	UPDATE_DOCS=1 cargo test --quiet --locked --package plimsoll-tests --test icinga -- of_the_tables of_icinga
	UPDATE_DOCS=1 cargo test --quiet --locked --package plimsoll-tests --test deploy the_files

clean: ## removes what was built and fetched
	cargo clean
