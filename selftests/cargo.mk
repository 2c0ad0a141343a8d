# SPDX-License-Identifier: GPL-2.0
# Rules for the Rust program PROGRAM of the selftests, with the profile PROFILE.
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
