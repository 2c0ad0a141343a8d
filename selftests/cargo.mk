# SPDX-License-Identifier: GPL-2.0
# How a Rust program of the selftests is built, whose name PROGRAM is.
#
#   make            build it
#   make check      run the tests that need no module
#   make install DESTDIR=<dir>
#   make clean
#
# OUTPUT is where everything is built. It needs a C compiler, cargo and bindgen.

OUTPUT ?= $(abspath $(CURDIR)/../../build/$(PROGRAM))
CARGO ?= cargo
INSTALL ?= install
export CARGO_TARGET_DIR ?= $(OUTPUT)

.PHONY: all check install clean
all:
	$(CARGO) build --locked --release

check:
	$(CARGO) test --locked --release

install: all
	$(INSTALL) -d $(DESTDIR)
	$(INSTALL) -m 755 $(CARGO_TARGET_DIR)/release/$(PROGRAM) $(DESTDIR)

clean:
	$(CARGO) clean
