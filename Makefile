# Bridgewall. `make demo` and `make test` do their own set-up on a fresh Debian 12 with Node 20;
# what is done already is skipped.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

APT := clang libbpf-dev libelf-dev zlib1g-dev pkg-config nftables iproute2 ethtool iputils-ping \
       iperf3 bpftool util-linux g++ make python3 procps tcpdump vsftpd libclang-rt-14-dev llvm openssl \
       iptables ipset conntrack
# What the wall is measured beside.
PEERS := keepalived conntrackd
STAMPS := .cache
BPF_OBJECT := build/bpf/bridgewall.bpf.o
ADDON := build/Release/libbpf_ts.node
LAYOUTS := src/generated/layouts.ts
API_SCHEMA := src/generated/api-schema.ts
PROTOS := $(notdir $(wildcard proto/bridgewall/v1/*.proto))
PROTO_TYPES := $(PROTOS:%.proto=src/generated/proto/%.ts)

BPF_CFLAGS := -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
              -Wno-address-of-packed-member -fno-strict-aliasing -target bpf -mcpu=v3 \
              -I/usr/include/$(shell uname -m)-linux-gnu

# Kernel and initramfs of an emulated machine, see docs/target.md.
TARGET_LAB := $(STAMPS)/target

# What is missing of these packages.
define install
missing=""; for p in $(1); do \
  dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; \
done; \
if [ -n "$$missing" ]; then \
  echo "installing$$missing"; \
  export DEBIAN_FRONTEND=noninteractive; \
  apt-get update -qq; \
  apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
fi
endef

.PHONY: all setup build bpf native demo demo-ha soak-ha bench-ha lab lab-down test fuzz test-target bench bench-quick bench-sync bench-join bench-switch bench-control bench-sets capacity lint format clean

all: build

setup: $(STAMPS)/apt $(STAMPS)/npm

$(STAMPS)/apt: Makefile
	@mkdir -p $(@D)
	@$(call install,$(APT))
	@touch $@

# They run in namespaces of the lab, never as services of this machine.
$(STAMPS)/peers: $(STAMPS)/apt
	@$(call install,$(PEERS)); \
	for p in $$missing; do systemctl disable --now $$p >/dev/null 2>&1 || true; done
	@touch $@

# Install scripts stay off: prebuilt parts come with the packages, our own addon is built below.
$(STAMPS)/npm: package.json package-lock.json
	@mkdir -p $(STAMPS)
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

build: setup bpf native $(STAMPS)/bundle

bpf: $(BPF_OBJECT)

$(BPF_OBJECT): $(wildcard bpf/*.h bpf/*.c) Makefile $(STAMPS)/apt
	@mkdir -p $(@D)
	clang $(BPF_CFLAGS) -c bpf/bridgewall.bpf.c -o $@

native: $(ADDON)

$(ADDON): $(wildcard native/src/*) binding.gyp $(STAMPS)/apt $(STAMPS)/npm
	npx node-gyp configure build --nodedir=/usr --loglevel=warn
	@touch $@

# libbpf-ts first: it generates the layouts that the rest imports.
$(STAMPS)/libbpf-ts: $(shell find native/lib -name '*.ts' 2>/dev/null) native/tsconfig.json $(STAMPS)/npm
	npx tsc -p native
	@touch $@

$(LAYOUTS): $(BPF_OBJECT) $(ADDON) $(STAMPS)/libbpf-ts
	@mkdir -p $(@D)
	node dist/native/lib/bin/generate-layouts.js $(BPF_OBJECT) $@

# All of them at once, for they share messages.
$(PROTO_TYPES) &: $(wildcard proto/bridgewall/v1/*.proto) $(STAMPS)/npm
	@mkdir -p $(@D)
	npx proto-loader-gen-types --longs=Number --enums=String --defaults --oneofs --includeComments \
	  --grpcLib=@grpc/grpc-js --importFileExtension=.js --includeDirs=proto \
	  --outDir=src/generated/proto $(PROTOS:%=bridgewall/v1/%)
	@touch $(PROTO_TYPES)

$(API_SCHEMA): tools/api-schema.mjs proto/bridgewall/v1/node.proto $(STAMPS)/npm
	@mkdir -p $(@D)
	node tools/api-schema.mjs proto/bridgewall/v1/node.proto $@

$(STAMPS)/dist: $(LAYOUTS) $(PROTO_TYPES) $(API_SCHEMA) $(shell find src native/lib -name '*.ts' -not -path 'src/generated/*' 2>/dev/null) \
                tsconfig.json
	npx tsc -p .
	@touch $@

# One file each of what has to start fast, and what the compiler has of it.
$(STAMPS)/bundle: $(STAMPS)/dist tools/bundle.mjs bin/load.cjs
	node tools/bundle.mjs
	@touch $@

demo: build
	node dist/src/lab/demo.js

# Two nodes, ten thousand connections, and the active one gone in three ways.
demo-ha: build
	node dist/src/lab/pair/demo.js

# Whatever may break of a pair, in an order of chance, for SOAK_SECONDS; docs/testing.md says how.
soak-ha: build
	node dist/src/lab/pair/soak/main.js

lab: build
	node dist/src/lab/lab.js

# Ends a standing lab, and clears up after one that was killed.
lab-down:
	node dist/src/lab/lab-down.js

# vitest takes types away unread: they are checked here, and only what changed since.
$(STAMPS)/types: $(STAMPS)/dist $(shell find test bench -name '*.ts' 2>/dev/null) test/tsconfig.json bench/tsconfig.json
	npx tsc -p test
	npx tsc -p bench --noEmit
	@touch $@

test: build $(STAMPS)/types $(STAMPS)/peers
	npx biome ci --error-on-warnings --colors=off
	NO_COLOR=1 npx vitest run

# The dataplane's own sources, built for this machine, under libFuzzer and sanitizers; what reaches
# something new is kept, and judged by the programs in the kernel as well. See docs/testing.md.
FUZZ_SECONDS ?= 60
fuzz: build
	FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_CORPUS=$(STAMPS)/fuzz NO_COLOR=1 npx vitest run test/fuzz

# What a packet costs, beside what users would have instead; docs/benchmarks.md says how.
bench: build build/bpf/bench.bpf.o $(STAMPS)/bench $(STAMPS)/peers build/bench/lives build/bench/churn
	node dist/bench/main.js

# What the goals speak of.
bench-quick: build build/bpf/bench.bpf.o $(STAMPS)/bench
	node dist/bench/main.js --quick --repetitions 3 --milliseconds 80

# What a failover and replication cost, beside others in the same lab; docs/benchmarks.md says how.
bench-ha: build $(STAMPS)/peers $(STAMPS)/bench build/bench/lives build/bench/churn build/bench/train
	node dist/bench/ha/main.js

# What replication costs the daemons, and how late it is, at SYNC_RATES connections a second.
bench-sync: build $(STAMPS)/bench build/bench/lives
	node dist/bench/sync.js

# How long an empty standby takes to know all connections, and what passes the active node meanwhile.
bench-join: build $(STAMPS)/bench build/bench/lives build/bench/churn
	node dist/bench/join.js

# How long a planned switch keeps datagrams from passing.
bench-switch: build $(STAMPS)/bench build/bench/train
	node dist/bench/switch.js

# How fast policies, sets and bwctl are, and what the daemon takes at rest.
bench-control: build $(STAMPS)/bench build/bench/lives
	node dist/bench/control/main.js

# Tables of docs/on-real-hardware.md, from two figures of `make bench`.
capacity: $(STAMPS)/bench
	node dist/bench/capacity-main.js --wall "$(WALL_NS)" --bare "$(BARE_NS)"

# The ping-pong of docs/on-real-hardware.md; the other program that it names is build/bench/churn.
build/bench/pingpong: examples/real-hardware/pingpong.c $(STAMPS)/apt
	@mkdir -p $(@D)
	$(CC) -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -o $@ $<

build/bench/lives build/bench/train build/bench/churn: build/bench/%: bench/native/%.c $(wildcard bench/native/*.h test/lab/native/*.h) $(STAMPS)/apt
	@mkdir -p $(@D)
	$(CC) -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -o $@ $<

# Dynamic groups at size: times and memory of SETS_GROUPS groups of a million members each.
SETS_GROUPS ?= 2
bench-sets: build
	SETS_GROUPS=$(SETS_GROUPS) NO_COLOR=1 npx vitest run test/lab/daemon/million.test.ts

build/bpf/bench.bpf.o: bench/bench.bpf.c Makefile $(STAMPS)/apt
	@mkdir -p $(@D)
	clang $(BPF_CFLAGS) -c $< -o $@

$(STAMPS)/bench: $(STAMPS)/dist $(shell find bench test/packet test/native/words.ts -name '*.ts' 2>/dev/null) bench/tsconfig.json
	npx tsc -p bench
	@touch $@

$(TARGET_LAB)/kernel: test/target/prepare.sh test/target/guest-init test/target/extract-vmlinux.py
	bash test/target/prepare.sh $(TARGET_LAB)

# Debian's own kernel under QEMU, between two e1000e cards; not part of `test`, for it takes minutes.
test-target: build $(TARGET_LAB)/kernel
	NO_COLOR=1 npx vitest run --config test/target/vitest.config.ts

lint: setup
	npx biome check --error-on-warnings --colors=off

format: setup
	npx biome check --write

clean:
	rm -rf build dist src/generated $(STAMPS)
