# SPDX-License-Identifier: GPL-2.0
# How a Rust program of the selftests is built, whose name PROGRAM is, by the profile
# PROFILE.
#
#   make            build it
#   make check      run the tests that need no module
#   make install DESTDIR=<dir>
#   make clean
#
# It needs a C compiler and cargo.

include ../../src/cargo.mk

PROFILE ?= release

.PHONY: all check install clean
all:
	$(CARGO) build --locked --profile $(PROFILE) --package $(PROGRAM)

check:
	$(CARGO) test --locked --profile $(PROFILE) --package $(PROGRAM)

install: all
	$(INSTALL) -d $(DESTDIR)
	$(INSTALL) -m 755 $(CARGO_TARGET_DIR)/$(PROFILE)/$(PROGRAM) $(DESTDIR)

clean:
	$(CARGO) clean
