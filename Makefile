# SPDX-License-Identifier: GPL-2.0
# `make help` lists the targets. Everything is built in the root that
# scripts/root makes; with KDIR=/path the module is built with the machine's
# own tools against that kernel tree instead.

TREE := $(realpath $(dir $(lastword $(MAKEFILE_LIST))))
ifneq ($(words $(TREE)),1)
$(error the path of this tree has a space in it, which the kernel's build does not take)
endif
JOBS := $(shell nproc)
# The kernel: see scripts/root.
export KERNEL KERNEL_UNTESTED SUITE
# The emulated host's shape: see scripts/host.
export CPUS CORES THREADS NODES SOCKETS DISTANCES MEMORY DIMMS MODEL CPU EMU PSP APPEND
export REPORT PLUGIN OUT TIMEOUT
# The root and the tests: see scripts/root, tests/run.
export MIRROR RMPOPT_CACHE T
# See tests/vng.
export CMD TEST_PROGS

ROOT := $(TREE)/scripts/in-root
# One build of a part at a time in a tree. The parts are built side by side; the root's
# make is not told about the jobs of this one.
LOCK = mkdir -p $(TREE)/build && flock $(TREE)/build/$@.lock
SIDE_BY_SIDE = +@$(MAKE) --no-print-directory -j$(JOBS)

# The root has no vmlinux to make BTF from; do not say so each time.
QUIET := CONFIG_DEBUG_INFO_BTF_MODULES=

# See bench/run.
export SHAPES

.PHONY: all root module test-modules emulator rmpoptctl guest-tools all-parts run shell test test-hard vng check htmldocs \
	bench bench-modules doctor \
	fmt clean distclean help modules_install

all: module

## Build

module: ## build rmpopt.ko (the default); KDIR=/path against that tree
test-modules: ## build the selftests' modules

# What kbuild makes: a folder of modules, and where they are built.
module: folder := $(TREE)
module: output := $(TREE)/build/module
test-modules: folder := $(TREE)/tests/selftests/modules
test-modules: output := $(TREE)/build/test-modules
bench-modules: folder := $(TREE)/bench
bench-modules: output := $(TREE)/build/bench/modules

# The root, and the kernel's tree in it.
root:
	@$(TREE)/scripts/root

ifdef KDIR
module test-modules bench-modules:
	@$(TREE)/scripts/check-kdir $(KDIR)
	@$(TREE)/scripts/build-dir $(KDIR) $(output)
	$(MAKE) -C $(KDIR) M=$(folder) MO=$(output) modules
	@$(if $(filter module,$@),cp $(output)/rmpopt.ko $(TREE)/build/ && mv $(TREE)/build/rmpopt.ko $(TREE)/)
else
module test-modules bench-modules: root
	@$(LOCK) env MAKEFLAGS= $(ROOT) make --no-print-directory -s -j$(JOBS) -f $(TREE)/Makefile KDIR=/kernel/build \
		KERNEL_UNTESTED=$(KERNEL_UNTESTED) $(QUIET) $(if $(V),V=$(V)) $@
endif

emulator: root ## build the QEMU plugin that is the SEV-SNP host
	@$(LOCK) $(TREE)/scripts/cargo emulator emulator build --quiet --release

# The tests' target directory: what it depends on is compiled once.
rmpoptctl: root ## build the command line tool, build/rmpoptctl
	@$(LOCK) $(TREE)/scripts/cargo rmpoptctl crates/rmpoptctl build --quiet --release
	@ln -sf crates/rmpoptctl/x86_64-unknown-linux-gnu/release/rmpoptctl $(TREE)/build/rmpoptctl

# Programs for the guest, and what starts QEMU. Beside them a selftest of the
# kernel's own.
guest-tools: root
	@$(LOCK) env MAKEFLAGS= $(ROOT) make -s -C $(TREE) -f scripts/inside/tools.mk
	@$(LOCK) $(ROOT) $(TREE)/scripts/inside/kvm-selftests $(TREE)

# What the emulated host boots with, and what else the tests need.
HOST_PARTS := module test-modules emulator guest-tools
all-parts: root
	$(SIDE_BY_SIDE) $(HOST_PARTS) rmpoptctl

modules_install: ## install rmpopt.ko for the kernel of KDIR=/path
	$(if $(KDIR),,$(error modules_install installs for the kernel of a tree: KDIR=/path))
	$(MAKE) -f $(TREE)/Makefile module
	$(MAKE) -C $(KDIR) M=$(TREE) MO=$(TREE)/build/module modules_install

doctor: ## say what a build needs and this machine lacks, and what to do
	@$(TREE)/scripts/doctor

## See it

run: root ## show the module at work in an emulated SEV-SNP host
	$(SIDE_BY_SIDE) $(HOST_PARTS)
	@$(TREE)/scripts/show

shell: all-parts ## a root shell in that host, the module loaded
	@$(TREE)/scripts/host --shell

## Test

test: all-parts ## the tests; T=PATTERN runs those whose name matches
	@$(TREE)/tests/run

test-hard: all-parts ## all of them: every combination, way and repetition
	@HARD=1 $(TREE)/tests/run

vng: all-parts ## the selftests by kselftest, under virtme-ng; CMD='...' runs a command there
	@$(TREE)/tests/vng

bench: all-parts bench-modules ## measure against the published algorithm; SHAPES="16x204 ..." only those (CPUs x regions)
	@$(LOCK) $(TREE)/scripts/cargo bench/report bench/target build --quiet --release
	@$(TREE)/bench/run

check: ## formatting and lints, the kernel's settings
	@$(TREE)/scripts/check

fmt: ## format all Rust code
	@$(ROOT) $(TREE)/scripts/inside/fmt $(TREE)

htmldocs: ## build Documentation/ as pages in build/html, with Sphinx
	@command -v sphinx-build >/dev/null || { echo "make htmldocs: sphinx-build is missing (Debian: apt-get install python3-sphinx)" >&2; exit 1; }
	@sphinx-build -W --keep-going -q $(TREE)/Documentation $(TREE)/build/html

## Clean

clean: ## remove what was built
	rm -rf $(TREE)/build $(TREE)/rmpopt.ko

distclean: clean ## remove the cache too: the root and the kernel trees
	@$(TREE)/scripts/clean-cache

help: ## this list
	@awk 'BEGIN { FS = ":.*## " } \
		/^## / { print "\n" substr($$0, 4) ":" } \
		/^[a-z_-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "Variables:"
	@echo "  KERNEL=amd64         the image: amd64, cloud, rt, a series (7.2, 7.2-rt) or release"
	@echo "  SUITE=trixie         the Debian suite of the tools and the kernel; forky, sid, experimental"
	@echo "  KERNEL_UNTESTED=1    a kernel too that is not in scripts/kernel-series"
	@echo "  CPUS=8 CORES=4 THREADS=2 NODES=2 MEMORY=8G DIMMS=0 MODEL=zen6"
	@echo "                       the emulated host; MODEL: zen6, zen5, zen4, none"
	@echo "  RMPOPT_CACHE=/path   where the root and the kernel tree are kept"
	@echo "  MIRROR=URL           the Debian mirror, when not the one of this machine's apt"
