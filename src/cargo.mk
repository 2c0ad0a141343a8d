# SPDX-License-Identifier: GPL-2.0
# How the Rust programs are built: they are one workspace, and share one folder for what cargo
# makes.

TOP := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))..)
CARGO ?= cargo
INSTALL ?= install
export CARGO_TARGET_DIR ?= $(TOP)/build/cargo

# Programs that are handed on do not tell where they were built.
export RUSTFLAGS := --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=/cargo $(RUSTFLAGS)

RELEASE := $(CARGO_TARGET_DIR)/release
BUILD := $(CARGO) build --locked --release

# $(call test-program,PACKAGE,TEST,FILE) - a program of tests, which need the module. Cargo knows
# what is up to date; those programs have names that only its messages tell.
define test-program
@mkdir -p $(dir $3)
$(CARGO) test --locked --release --package $1 --test $2 --no-run --message-format json >$3.json
cp "$$(sed -n '/"kind":\["test"\]/s/.*"executable":"\([^"]*\)".*/\1/p' $3.json)" $3
endef
