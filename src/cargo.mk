# SPDX-License-Identifier: GPL-2.0
# Rules for the Rust programs: they are one workspace, and share one folder for cargo's output.

TOP := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))..)
CARGO ?= cargo
INSTALL ?= install
export CARGO_TARGET_DIR ?= $(TOP)/build/cargo

# Programs must not contain the path of the build.
export RUSTFLAGS := --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=/cargo $(RUSTFLAGS)

RELEASE := $(CARGO_TARGET_DIR)/release
BUILD := $(CARGO) build --locked --release

# $(call test-program,PACKAGE,TEST,FILE) - build a program with tests that need the module. Cargo
# knows what is up to date, and only its messages contain the names of these programs.
define test-program
@mkdir -p $(dir $3)
$(CARGO) test --locked --release --package $1 --test $2 --no-run --message-format json >$3.json
cp "$$(sed -n '/"kind":\["test"\]/s/.*"executable":"\([^"]*\)".*/\1/p' $3.json)" $3
endef
