# The front door; Meson and the scripts in tools/ do the work.
#
#   make              build/assay                       make format    format the C files
#   make demo         what Assay does, in a minute      make lint      clang-tidy and ruff
#   make test         every check and test              make install   PREFIX=/usr/local, DESTDIR=
#   make test-long    the tests that take minutes       make clean     the builds; distclean: what setup installed, too
#   make bench        one JSON object a line               make wheel     the Python package, into dist/
#
#   make test STEPS="unit python"     only these steps (tools/run-tests --help)
#   make BUILD=build-mine CC=clang    another build folder, another compiler
#   make bench BENCH="run_momentum"   only these benchmarks

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.NOTPARALLEL:
.PHONY: all setup-build setup-test demo test test-long bench wheel format lint install clean distclean

BUILD ?= build
PREFIX ?= /usr/local
STEPS ?=
BENCH ?=
ifneq ($(origin CC),default)
export CC
endif

all: setup-build
	@tools/build $(BUILD) --prefix=$(PREFIX)

setup-build:
	@tools/setup build

setup-test:
	@tools/setup test

demo: all
	@tools/demo

# `build` is what the tests run against, whatever BUILD says.
test: setup-test
	@tools/build build $(if $(wildcard build/build.ninja),,--prefix=$(PREFIX))
	@tools/run-tests $(STEPS)

test-long: setup-test
	@tools/build build $(if $(wildcard build/build.ninja),,--prefix=$(PREFIX))
	@tools/run-tests --long $(STEPS)

bench: all
	@tools/bench $(BUILD) $(BENCH)

wheel: setup-test
	@tools/make-wheel dist

format: setup-test
	@tools/format

lint: setup-test all
	@tools/lint $(BUILD)

install: all
	@.venv/bin/meson install -C $(BUILD) --no-rebuild --quiet

clean:
	rm -rf build build-asan build-clang build-python build-tsan build-wheel dist

distclean: clean
	rm -rf build-deps .venv
