# SPDX-License-Identifier: GPL-2.0-or-later
#
# Thin: scripts/ does the work, build/ holds all of the output.

PARTS := unit fuzz queue fail qtest iotests guest base next machines network san \
         tsan

# QEMU=10.2: all of it with that base, in a build directory of its own.  In the
# environment, QEMU is the program that tests/guest runs.
BUILD := build
ifeq ($(origin QEMU),command line)
unexport QEMU
BUILD := build/$(QEMU)
export ZNS_BUILD := $(CURDIR)/$(BUILD)
endif

CRASH_TARGETS := $(addprefix tests/zone/,zone-crash zone-crash-broken) \
                 qemu-img qemu-io storage-daemon/qemu-storage-daemon \
                 tests/zone/nvme-zns-test qemu-system-x86_64

all:
	@scripts/build

install:
	@scripts/build
	@DESTDIR='$(DESTDIR)' $(BUILD)/out/pyvenv/bin/meson install -C $(BUILD)/out \
	    --no-rebuild --quiet
	@echo '==> installed'

demo:
	@scripts/packages build guest
	@scripts/build qemu-system-x86_64 qemu-img
	@tests/guest/demo

check:
	@scripts/packages build check guest fuzz
	@scripts/check-all

# make check, and make check-next
check-ci:
	@scripts/packages build check guest fuzz
	@scripts/check-all check next

$(PARTS:%=check-%): check-%:
	@scripts/packages build check
	@FUZZ_SECONDS='$(SECONDS)' JOB='$(JOB)' scripts/check-all $*

# BENCH_OPTIONS: see tests/bench/bench --help
bench bench-quick:
	@scripts/packages build $(if $(filter bench,$@),guest)
	@scripts/build qemu-system-x86_64 qemu-img qemu-io tests/zone/zone-bench \
	    tests/zone/nvme-zone-bench
	@tests/bench/build-base
	@tests/bench/bench $(if $(filter bench-quick,$@),--quick) $(BENCH_OPTIONS)

# N crash states at least, on all cores; ROUNDS for each filesystem
N ?= 100000
KILLS ?= 200
ROUNDS ?= 20

check-crash:
	@scripts/packages build check guest
	@scripts/build $(CRASH_TARGETS)
	@tests/crash/run --states=$(N) --kills=$(KILLS); status=$$?; \
	ROUNDS=$(ROUNDS) tests/guest/run :killed :cut && exit $$status

deb check-deb: no-other-base

.PHONY: no-other-base
no-other-base:
	@test $(BUILD) = build || { echo 'error: the package is of the first base' \
	    'of patches/bases' >&2; exit 2; }

deb:
	@packaging/build-deb

# RELEASES: those to try it on
check-deb:
	@packaging/check-deb $(RELEASES)

series check-series:
	@test -f $(BUILD)/arguments || ./configure
	@scripts/series $(if $(filter check-%,$@),--build)

clean:
	@test ! -f $(BUILD)/out/build.ninja || ninja -C $(BUILD)/out clean
	rm -rf $(BUILD)/unit $(BUILD)/unit-san $(BUILD)/fuzz $(BUILD)/logs

help:
	@echo 'make              configure (when needed) and build'
	@echo 'make install      install to the prefix; DESTDIR= is honoured'
	@echo 'make demo         show a zoned drive that survives a restart'
	@echo 'make check        all tests; or one part of them, check-PART of'
	@echo '                  $(PARTS)'
	@echo '                  (next, machines, network, san and tsan have builds of'
	@echo '                  their own, and are not in check; check-ci is check and'
	@echo '                  check-next)'
	@echo '  check-fuzz        SECONDS=7200 for two hours; 30 seconds if not given'
	@echo '  check-guest       JOB=btrfs for one guest job; KERNEL=bookworm, trixie or'
	@echo '                    newest for a kernel of that release'
	@echo '                    JOB=btrfs:killed ROUNDS=20 kills QEMU 20 times'
	@echo 'make check-crash  N=100000 crash states at least; SIGKILL KILLS=200 times to'
	@echo '                  the storage daemon, and to QEMU, and ROUNDS=20 times to'
	@echo '                  QEMU with each filesystem at work, also with a cut of the'
	@echo '                  power: hours; make check tries fewer'
	@echo 'make bench        measure against raw, qcow2 and the base; charts of it are'
	@echo '                  in build/bench/charts.html;'
	@echo '                  BENCH_OPTIONS= are those of tests/bench/bench'
	@echo 'make bench-quick  a part of it: under 3 minutes, once all is built'
	@echo 'make deb          the Debian package, in build/'
	@echo 'make check-deb    try it in clean chroots of Debian 12 and 13, as root;'
	@echo '                  RELEASES=trixie for one of them'
	@echo 'make series       the queue as mails for git am, in build/series'
	@echo 'make check-series builds the tree after each mail: an hour'
	@echo 'QEMU=10.2         behind each of them but deb and check-deb: with that base,'
	@echo '                  in build/10.2'
	@echo 'make clean        remove objects and logs; rm -r build for all'
	@echo './configure --help explains the options of the build'

.PHONY: all install demo check check-ci $(PARTS:%=check-%) check-crash bench \
        bench-quick deb check-deb series check-series clean help
