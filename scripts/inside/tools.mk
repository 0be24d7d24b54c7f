# SPDX-License-Identifier: GPL-2.0
# Builds the programs that the guest has beside busybox, and the program that starts
# QEMU: static C programs of one file each. Runs in the root, at the top of the tree.
folders := emulator/guest tests/selftests/tools bench/guest
tools := $(notdir $(basename $(wildcard $(folders:%=%/*.c))))
all: $(tools:%=build/guest/%) build/host-tools/with-psp

vpath %.c $(folders) emulator/host
headers := $(wildcard emulator/guest/*.h)
static = mkdir -p $(@D) && gcc -std=gnu11 -O2 -Wall -Wextra -Werror -static -o $@ $<

build/guest/%: %.c $(headers); $(static)
build/host-tools/%: %.c; $(static)

.DELETE_ON_ERROR:
