#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The module by the kernel's build system alone, without our Makefile: in its
# own folder, installed, into another folder, and its C files where the kernel is
# another one. Built in the root, against the tree of KERNEL.
set -eu
tree=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
work=$tree/build/kbuild
. "$tree/tests/scripts/lib/check.sh"

logged() {
	"$@" >"$work/output" 2>&1
}

# What a package of the module's source would hold.
sources="Kbuild load.rs rmpopt_mod.rs configfs debugfs engine sev sys"
rm -rf "$work"
mkdir -p "$work/source" "$work/other"
for path in $sources; do
	cp -r "$tree/$path" "$work/source/"
done
files=$(find "$work/source" -type f | wc -l)

kbuild() {
	"$tree/scripts/in-root" make -s -C /kernel/build M="$work/source" CONFIG_DEBUG_INFO_BTF_MODULES= "$@"
}

clean() {
	for path in $sources; do
		diff -r "$tree/$path" "$work/source/$path" || return
	done
	[ "$(find "$work/source" -type f | wc -l)" = "$files" ]
}

is_module() {
	"$tree/scripts/in-root" modinfo -F vermagic "$1"
	[ "$("$tree/scripts/in-root" modinfo -F name "$1")" = rmpopt ]
}

check "in its own folder" logged kbuild -j2 modules
check "that is the module" logged is_module "$work/source/rmpopt.ko"
check "modules_install" logged kbuild INSTALL_MOD_PATH="$work/installed" modules_install
check "it is where modprobe looks" logged is_module "$(echo "$work"/installed/lib/modules/*/updates/rmpopt.ko*)"
check "clean" logged kbuild clean
check "then the folder is as it was" logged clean
check "into another folder" logged kbuild -j2 MO="$work/other" modules
check "that is the module too" logged is_module "$work/other/rmpopt.ko"
check "the folder itself is as it was" logged clean

# objects MO HEADER: the C files, where this header comes before all others.
objects() {
	folder=$1 header=$2
	mkdir -p "$folder"
	# shellcheck disable=SC2086 # a list of objects
	kbuild MO="$folder" KCFLAGS="-include $header" $c_objects
}

# A kernel whose function has another parameter: the C file that calls the
# function or takes its arguments must say so.
changed() {
	from=$1 to=$2 c_objects=$3
	rm -rf "$work/changed"
	mkdir -p "$work/changed"
	"$tree/scripts/in-root" sed "s/^$from/$to/" /kernel/build/arch/x86/include/asm/sev.h \
		>"$work/changed/sev.h"
	grep -q "^$to" "$work/changed/sev.h" || return
	! objects "$work/changed/module" "$work/changed/sev.h" >"$work/changed/log" 2>&1 || return
	cat "$work/changed/log"
	grep -qE 'conflicting types|static assertion failed' "$work/changed/log"
}

c_objects=$(cd "$work/source" && find sys -name '*.c' | sed 's/c$/o/')
mkdir -p "$work/plain"
echo '#undef CONFIG_X86_KERNEL_IBT' >"$work/plain/undo.h"
check "C files without indirect branch tracking" logged objects "$work/plain/module" "$work/plain/undo.h"
for object in direct fprobe; do
	check "$object.c sees another psmash()" logged \
		changed 'int psmash(u64 pfn)' 'int psmash(u32 pfn)' sys/probe/$object.o
	check "$object.c sees another rmp_make_private()" logged \
		changed 'int rmp_make_private(u64 pfn, u64 gpa,' 'int rmp_make_private(u64 gpa, int pfn,' \
		sys/probe/$object.o
	check "$object.c sees another rmp_make_shared()" logged \
		changed 'int rmp_make_shared(u64 pfn,' 'int rmp_make_shared(int pfn,' sys/probe/$object.o
done

finish
