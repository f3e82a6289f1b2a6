# Everything a person or CI types. The programs themselves are built by SwiftPM.
SHELL := /bin/bash
BUILD := .build-release
RELEASE := swift build -c release --static-swift-stdlib -Xlinker --gc-sections --scratch-path $(BUILD)
BIN := $(BUILD)/release
PACKAGES := libmodbus-dev libgpiod-dev libcurl4-openssl-dev libssl-dev libyaml-dev zlib1g-dev libmicrohttpd-dev libgnutls28-dev pkg-config
DESTDIR ?=
PREFIX ?= /usr

.PHONY: all deps build release test lint format demo bench install clean sanitize-thread kills attribution \
  vm-test power-cut mutations lost-answers

all: release

# Installs the Debian packages that are missing; asks for nothing when all are there.
deps:
	@missing=""; for package in $(PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
	  echo "installing:$$missing"; \
	  root=""; [ "$$(id -u)" = 0 ] || root=sudo; \
	  $$root apt-get update -qq && $$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi

build: deps
	swift build

release: deps
	$(RELEASE)

lint:
	swift format lint --strict --configuration .swift-format --recursive Package.swift Sources Tests

format:
	swift format format --in-place --configuration .swift-format --recursive Package.swift Sources Tests

# Every test: style, the suites with the real binaries, the unit file, 2,000 power cuts where that is possible.
test: deps lint
	swift build --build-tests
	swift test --skip-build
	$(RELEASE) --product gatewayd
	@cp $(BIN)/gatewayd $(BUILD)/gatewayd.stripped && strip $(BUILD)/gatewayd.stripped && \
	  size=$$(stat -c %s $(BUILD)/gatewayd.stripped) && echo "gatewayd, stripped: $$size bytes (limit 16777216)" && \
	  test $$size -le 16777216
	$(RELEASE) --product gateway-sim
	Tests/PowerCut/run $(abspath $(BIN)) --cuts 2000 --workers 2

# The ring and the sources under ThreadSanitizer. (It does not see into the standard library's Mutex, and takes what
# a contended one guards for a race; the other suites use it everywhere.)
sanitize-thread: deps
	swift test --scratch-path .build-tsan --sanitize=thread --filter 'ReadingRing|GatewaySourcesTests'

# 200 kills at random moments, with the release binaries.
kills: release
	GATEWAY_KILLS=200 GATEWAY_BINARIES=$(abspath $(BIN)) swift test --filter KillTests

# GPIO chips and USB adapters that come and go, and a power cut, in a machine with Debian's kernel: Tests/VM.
vm-test: deps
	$(RELEASE) --product gatewayd
	$(RELEASE) --product gatewayctl
	Tests/VM/run $(abspath $(BIN)) $(VM_PARTS)

# Power cuts at any write of the real daemon, format and recovery included: Tests/PowerCut.
CUTS ?= 100000
power-cut: release
	Tests/PowerCut/run $(abspath $(BIN)) --cuts $(CUTS) --workers $$(nproc)

# A million mutations of stores with records of every kind: opened, read to the end, written again; and
# each of 500 calls that fails. Optimised; without debug information, over which Swift 6.3's compiler stumbles there.
MUTATIONS ?= 1000000
mutations: deps
	GATEWAY_MUTATIONS=$(MUTATIONS) swift test -Xswiftc -O -Xswiftc -gnone --scratch-path .build-mutations \
	  --filter 'StoreMutationTests|FaultSweepTests'

# A million polls on lines where every 33rd answer is late, foreign or corrupt: not one value of another question.
attribution: release
	$(BIN)/gateway-bench attribution --polls 1000000

# Ten million rows, 30 % of the answers lost after storing: no hole, no row twice.
lost-answers: release
	$(BIN)/gateway-bench lost --rows 10000000

bench: release
	$(BIN)/gateway-bench

demo: release
	$(BIN)/gateway-sim demo --config Config/demo.yaml --field Config/demo-field.yaml

# What `make` built, where Debian expects it; the simulator and the benchmark stay here.
install:
	@test -x $(BIN)/gatewayd -a -x $(BIN)/gatewayctl || { echo "run \"make release\" first"; exit 1; }
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/sysusers.d \
	  $(DESTDIR)/etc/gateway $(DESTDIR)$(PREFIX)/share/gateway/profiles
	install -m 0755 --strip $(BIN)/gatewayd $(BIN)/gatewayctl $(DESTDIR)$(PREFIX)/bin/
	install -m 0644 systemd/gatewayd.service $(DESTDIR)$(PREFIX)/lib/systemd/system/
	install -m 0644 systemd/gateway.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/gateway.conf
	install -m 0644 Config/profiles/*.yaml $(DESTDIR)$(PREFIX)/share/gateway/profiles/
	install -D -m 0644 Config/gateway.yaml $(DESTDIR)$(PREFIX)/share/doc/gateway/examples/gateway.yaml
	@test -e $(DESTDIR)/etc/gateway/gateway.yaml || install -m 0644 Config/gateway.yaml $(DESTDIR)/etc/gateway/gateway.yaml

clean:
	rm -rf .build .build-release .build-mutations .build-tsan .build-vm .build-power-cut
