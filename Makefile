# SPDX-License-Identifier: GPL-2.0
# The user's makefile; Kbuild describes the build of the module itself. Without KDIR, everything is
# built for Debian's kernel, with the toolchain that qemu/setup provides; with KDIR, it is built for
# that tree, with the host's toolchain.

BUILD := $(CURDIR)/build
PAYLOAD := $(BUILD)/payload

.DEFAULT_GOAL := modules
.PHONY: modules modules_install payload payload-demo payload-module generate deb setup demo demo-reactors test test-deb \
	test-kernel-suite test-python test-tracers test-instrumented test-debug test-wire test-differential \
	torture apps scale bench bench-update bench-gate profile herd blocking trace prepared fuzz \
	fuzz-minimise payload-fuzz vm lint clean distclean help

ifdef KDIR

ifneq ($(filter demo demo-% test test-% torture apps scale bench bench-% profile herd blocking trace prepared fuzz fuzz-% vm,$(MAKECMDGOALS)),)
$(error The virtual machine runs Debian's kernel, with a module built for it: leave KDIR out)
endif

# A folder for each kernel, because time stamps do not distinguish kernels.
OBJECTS = $(BUILD)/module/$(shell cat $(KDIR)/include/config/kernel.release 2>&1)
KBUILD = $(MAKE) -C $(KDIR) M=$(CURDIR) MO=$(OBJECTS) $(KBUILD_ARGS)

modules:
	@qemu/kdir-check $(KDIR)
	$(KBUILD) modules
	cp $(OBJECTS)/repoll.ko $(BUILD)

modules_install: modules
	$(KBUILD) modules_install

# The module in the guest's layout, without files of an earlier build.
payload-module: modules
	rm -rf $(PAYLOAD)
	install -D -m 644 $(BUILD)/repoll.ko $(PAYLOAD)/repoll.ko

# The contents of /opt/repoll in the guest.
payload: payload-module
	$(MAKE) -C src install OUTPUT=$(BUILD)/src DESTDIR=$(PAYLOAD)/src
	$(MAKE) -C samples install OUTPUT=$(BUILD)/samples DESTDIR=$(PAYLOAD)/samples
	$(MAKE) -C selftests install OUTPUT=$(BUILD)/selftests \
		KSRC=$(abspath $(KDIR))/source INSTALL_PATH=$(PAYLOAD)/selftests
	$(MAKE) -C selftests/suites install OUTPUT=$(BUILD)/suites \
		KSRC=$(abspath $(KDIR))/source INSTALL_PATH=$(PAYLOAD)/selftests/suites
	for program in bench differential torture fuzz; do \
		$(MAKE) -C selftests/$$program install DESTDIR=$(PAYLOAD)/selftests/$$program || exit; \
	done

# Only what the demonstration needs.
payload-demo: payload-module
	$(MAKE) -C samples install-echo OUTPUT=$(BUILD)/samples DESTDIR=$(PAYLOAD)/samples

# The crate's bindings of the kernel interface.
generate:
	$(MAKE) -C src generate OUTPUT=$(BUILD)/src

# Debian packages of the module for this kernel, the tools and the headers.
deb: modules
	$(MAKE) -C src crates OUTPUT=$(BUILD)/src
	debian/build $(notdir $(OBJECTS)) $(BUILD)

# Includes the fuzzer's engine, which takes longer to build than everything else.
payload-fuzz: payload
	$(MAKE) -C selftests/fuzz install-engine DESTDIR=$(PAYLOAD)/selftests/fuzz

else

# LLVM builds the debug and rt kernels, but no program for user space. These kernels have no debug
# information; the module has, so that reports and coverage can name its source lines.
IN_ROOT = @qemu/enter make -s -j$(shell nproc) KDIR=/usr/src/linux/build \
	CC=x86_64-linux-gnu-gcc-14 CXX=x86_64-linux-gnu-g++-14 \
	$(if $(filter debug rt,$(KERNEL)),KBUILD_ARGS='LLVM=1 CC=clang KCFLAGS=-g KRUSTFLAGS=-Cdebuginfo=line-tables-only')

modules payload payload-demo payload-fuzz deb generate:
	$(IN_ROOT) $@

modules_install:
	$(error modules_install needs KDIR=<the tree that the module was built against>)

endif

# Determines the packages' version and all times in them.
deb: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)

setup:
	@qemu/setup

demo: payload-demo
	@echo 'An echo server and its load, on repoll and on epoll, in a virtual machine: half a minute.'
	@qemu/vm /opt/repoll/samples/echo/demo

test: payload
	@qemu/test

# Tests the contents of the packages, and their installation and removal in the guest.
test-deb: export PKGS := python3-minimal udev
test-deb: deb
	@qemu/enter debian/test
	@SHARE=$(BUILD)/deb qemu/vm "$$(cat debian/check.sh debian/test-guest)"

# The same tests and more, on kernels that report mistakes.
test-debug:
	@qemu/test-debug

# What crosses the wire between two network cards, with each of their drivers.
test-wire:
	@qemu/test-wire

test-kernel-suite: export TIMEOUT ?= 1800
test-kernel-suite: payload
	@qemu/vm /opt/repoll/selftests/suites/kernel

test-python: export PKGS := libpython3.13-testsuite python3
test-python: export MEM ?= 2G
test-python: export TIMEOUT ?= 3600
test-python: payload
	@qemu/vm /opt/repoll/selftests/suites/python

# Tests that the usual tools find the tracepoints.
test-tracers: export PKGS := bpftrace linux-perf trace-cmd
test-tracers: payload
	@qemu/vm /opt/repoll/selftests/suites/tracers

# Tests programs with gcc's sanitizers and under valgrind.
test-instrumented: export PKGS := gcc libc6-dev valgrind
test-instrumented: payload
	@qemu/vm /opt/repoll/selftests/suites/instrumented

APPS := curl libmemcached-tools memcached nginx-light nodejs python3 redis-server stress-ng wrk

apps: export PKGS := $(APPS)
apps: export MEM ?= 2G
apps: export TIMEOUT ?= 1800
apps: payload
	@qemu/vm /opt/repoll/selftests/suites/apps/run

# Random operations on epoll and repoll at the same time.
test-differential: export TIMEOUT ?= 0
test-differential: payload
	@qemu/vm '/opt/repoll/selftests/differential/differential \
		--steps $(or $(STEPS),2000000) $(NIC:%=--wire) $(if $(SEED),--seed $(SEED))'

# The costs of a million watched files, and their growth. Only a slab cache that is not merged with
# others shows what it contains.
scale: export MEM ?= 4G
scale: export APPEND ?= slab_nomerge
scale: export TIMEOUT ?= 1800
scale: payload
	@qemu/vm 'REPOLL_ITEMS=$(or $(ITEMS),1000000) /opt/repoll/selftests/scale'

# The costs of repoll and epoll. The count of instructions is exact; only work that needs two
# processors is measured in time.
bench bench-update: export APPS := $(APPS)
bench: payload
	@qemu/bench

bench-update: payload
	@qemu/bench --commit

# The exact costs, except their growth up to a million files: they must equal the committed ones.
bench-gate: payload
	@qemu/bench --gate

# The functions that execute the instructions of one kind of work.
profile: payload
	@qemu/profile $(or $(WORK),wait-level-1)

# $(call measure,FILE,COMMAND) - store the output of the command in build/FILE if it succeeds;
# otherwise keep the earlier measurement
measure = @mkdir -p $(BUILD)/$(dir $1) && $2 >$(BUILD)/$1.new && mv $(BUILD)/$1.new $(BUILD)/$1

# How evenly workers share a listening socket, measured in the guest.
herd: export SMP ?= 4
herd: export TIMEOUT ?= 1800
herd: payload
	$(call measure,herd/herd.json,qemu/vm '/opt/repoll/samples/herd/herd --json')
	@qemu/enter $(PAYLOAD)/samples/herd/herd report --svg $(BUILD)/herd $(BUILD)/herd/herd.json

# An HTTP server in three shapes, on epoll and on repoll, under the same load: measured in time, and
# once more in instructions, for the ratio.
demo-reactors: export PKGS := wrk
demo-reactors: export TIMEOUT ?= 1200
demo-reactors: payload
	$(call measure,reactors/reactors.json,qemu/vm '/opt/repoll/samples/reactor/reactor-compare --json')
	$(call measure,reactors/counted.json,ICOUNT=1 \
		qemu/vm '/opt/repoll/samples/reactor/reactor-compare --json --repetitions 3')
	@qemu/enter $(PAYLOAD)/samples/reactor/reactor-compare report --svg $(BUILD)/reactors \
		--counted $(BUILD)/reactors/counted.json $(BUILD)/reactors/reactors.json

# A thread for each connection, compared with one reactor; so there are as many threads as
# connections.
blocking: export MEM ?= 2G
blocking: export TIMEOUT ?= 1200
blocking: payload
	$(call measure,blocking/blocking.json,\
		qemu/vm 'echo 1 >/proc/sys/kernel/sched_schedstats; /opt/repoll/samples/blocking/blocking --json')
	@qemu/enter $(PAYLOAD)/samples/blocking/blocking report \
		--svg $(BUILD)/blocking $(BUILD)/blocking/blocking.json

# What the kernel does between a packet and the return of a wait: over the loopback device, or with
# NIC= over the wire.
trace: export SHARE := $(BUILD)/trace/$(or $(NIC),loopback)
trace: payload
	@mkdir -p $(SHARE)
	@qemu/vm '/opt/repoll/samples/trace/trace $(NIC:%=--wire) --svg /mnt/share'
	@echo 'drawings: $(SHARE)'

# What the kernel has prepared before a packet comes; part of that is recorded as it boots.
prepared: export NIC ?= igb
prepared: override export APPEND := $(shell samples/trace/prepared --boot-words) $(APPEND)
prepared: payload
	@qemu/vm '/opt/repoll/samples/trace/prepared'

# Messages through files while everything changes.
torture: export SMP ?= 4
torture: SECONDS ?= 60
torture: export TIMEOUT ?= $(shell expr 2 '*' $(SECONDS) + 300)
torture: payload
	@qemu/vm '/opt/repoll/selftests/torture/torture \
		--seconds $(SECONDS) $(NIC:%=--wire) $(if $(SEED),--seed $(SEED))'

fuzz fuzz-minimise: export KERNEL := debug
fuzz: SECONDS ?= 300
fuzz: payload-fuzz
	@qemu/fuzz run $(SECONDS)

fuzz-minimise: payload
	@qemu/fuzz minimise $(CRASH)

# Unexpanded: variables in it belong to the guest's shell.
vm: export GUEST_COMMAND = $(value CMD)
vm:
	@$(MAKE) --no-print-directory payload >&2
	@qemu/vm $(if $(value CMD),"$$GUEST_COMMAND")

# Checks all files that git tracks.
lint:
	@mkdir -p $(BUILD)
	@git ls-files -z >$(BUILD)/tracked
	@qemu/enter qemu/lint build/tracked

clean:
	rm -rf $(BUILD)

# Also removes the cache, which other checkouts may be using.
distclean: clean
	rm -rf --one-file-system "$${XDG_CACHE_HOME:-$$HOME/.cache}/repoll"

help:
	@cat qemu/help
