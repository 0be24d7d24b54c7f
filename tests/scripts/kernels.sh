#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# scripts/check-kdir on trees as distributions ship them, and which image
# scripts/inside/kernel chooses. The trees and the compiler are played. Needs
# no root and no network.
set -eu
tree=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$tree/tests/scripts/lib/check.sh"

## Trees

debian="rustc 1.85.1 (4eb161250 2025-03-15) (built from a source tarball)"
rustup="rustc 1.85.1 (4eb161250 2025-03-15)"

# kdir RELEASE [ID [ID_LIKE]]: a tree that lacks nothing, made with Debian's
# compiler, on a machine of that distribution. The metadata begins as rustc's.
kdir() {
	rm -rf "${work:?}/usr"
	dir=$work/usr/build
	mkdir -p "$dir/include/config" "$dir/rust"
	: >"$dir/Makefile"
	: >"$dir/Module.symvers"
	echo "$1" >"$dir/include/config/kernel.release"
	printf 'CONFIG_RUST=y\nCONFIG_RUSTC_VERSION_TEXT="%s"\n' "$debian" >"$dir/include/config/auto.conf"
	for file in libkernel.rmeta libpin_init.rmeta libbindings.rmeta libffi.rmeta libuapi.rmeta \
		libmacros.so libpin_init_internal.so; do
		: >"$dir/rust/$file"
	done
	metadata "$debian"
	compiler "$debian"
	printf 'NAME="rustc 9.9.9"\nID=%s\nID_LIKE="%s"\n' "${2:-gentoo}" "${3:-}" >"$work/os-release"
}

metadata() {
	printf 'rust\0\0\0\tU\377\020\003\0\0\0\0A%s\301\0\014abort_unwind\301\001\0rustc 9.9.9' "$1" >"$dir/rust/libcore.rmeta"
}

# The compiler on the machine.
compiler() {
	# shellcheck disable=SC2016 # for the played program
	printf '#!/bin/sh\n[ "$1" = --version ] && echo "%s"\n' "$1" >"$work/rustc"
	chmod +x "$work/rustc"
}

check_kdir() {
	status=0
	KERNEL_UNTESTED="${untested:-}" OS_RELEASE=$work/os-release RUSTC=$work/rustc \
		"$tree/scripts/check-kdir" "$dir" >"$work/output" 2>&1 || status=$?
}

passes() {
	check_kdir
	[ "$status$(cat "$work/output")" = 0 ]
}

# refuses TEXT: with that text and no other.
refuses() {
	check_kdir
	[ "$status" = 1 ] && [ "$(cat "$work/output")" = "KDIR=$dir: $1" ]
}

# warns TEXT: takes it and says so.
warns() {
	check_kdir
	[ "$status" = 0 ] && [ "$(cat "$work/output")" = "KDIR=$dir: $1" ]
}

without() {
	echo "has no rust/$1: the crates' metadata of kernel $2 is not there: $3"
}

another() {
	echo "was made with \"$debian\", and $work/rustc here is \"$rustup\", which cannot read the crates' metadata: $1"
}

kdir 7.3.4
check "a tree of one's own" passes
rm "$dir/rust/libkernel.rmeta"
check "a tree of one's own without metadata" refuses "$(without libkernel.rmeta 7.3.4 \
	"prepare the source of the same version (make modules_prepare) and use that")"
for crate in core.rmeta pin_init.rmeta bindings.rmeta ffi.rmeta uapi.rmeta macros.so pin_init_internal.so; do
	kdir 7.3.4
	rm "$dir/rust/lib$crate"
	check "without lib$crate" refuses "$(without "lib$crate" 7.3.4 \
		"prepare the source of the same version (make modules_prepare) and use that")"
done
kdir 7.3.4
compiler "$rustup"
check "a tree of one's own, another compiler" refuses \
	"$(another "use the compiler that the kernel was built with: make RUSTC=/path")"

kdir 7.3.4+deb13-amd64 ubuntu debian
rm "$dir"/rust/*
check "Debian's headers" refuses "$(without libcore.rmeta 7.3.4+deb13-amd64 \
	"Debian packages it nowhere: prepare the source of linux-source-7.3, or let make without KDIR do that")"
kdir 7.3.4+deb13-amd64
compiler "$rustup"
check "Debian's kernel, another compiler of the same number" refuses \
	"$(another "install rustc of the suite that the kernel is from")"

# Ubuntu: the headers have a link to the folder of another package.
kdir 7.3.5-12-generic ubuntu debian
mkdir "$work/usr/linux-lib-rust-7.3.5-12-generic"
mv "$dir/rust" "$work/usr/linux-lib-rust-7.3.5-12-generic/"
ln -s ../linux-lib-rust-7.3.5-12-generic/rust "$dir/rust"
check "Ubuntu's headers with linux-lib-rust" passes
compiler "$rustup"
check "Ubuntu, another compiler" refuses "$(another "install rustc-1.85, then: make RUSTC=rustc-1.85")"
rm "$work/rustc"
check "Ubuntu, no compiler" refuses \
	"was made with \"$debian\", and there is no $work/rustc here: install rustc-1.85, then: make RUSTC=rustc-1.85"
rm -r "$work/usr/linux-lib-rust-7.3.5-12-generic"
check "Ubuntu's headers alone" refuses \
	"$(without libcore.rmeta 7.3.5-12-generic "install linux-lib-rust-7.3.5-12-generic")"
kdir 7.3.5-12-generic linuxmint "ubuntu debian"
rm "$dir/rust/libmacros.so"
check "a relative of Ubuntu" refuses \
	"$(without libmacros.so 7.3.5-12-generic "install linux-lib-rust-7.3.5-12-generic")"

kdir 7.3.4-arch1-1 ubuntu debian
check "Arch, on another machine" passes
rm "$dir/rust/libcore.rmeta"
echo linux-zen >"$work/usr/pkgbase"
check "Arch without metadata" refuses "$(without libcore.rmeta 7.3.4-arch1-1 "install linux-zen-headers")"
kdir 7.2.14-1-lts endeavouros arch
rm "$dir/rust/libcore.rmeta"
check "a relative of Arch without metadata" refuses "$(without libcore.rmeta 7.2.14-1-lts "install linux-headers")"
kdir 7.3.4-arch1-1 arch
compiler "$rustup"
check "Arch, another compiler" refuses "$(another "install rust as it was when the kernel was built")"

kdir 7.3.4-200.fc45.x86_64
check "Fedora" passes
rm "$dir/rust/libbindings.rmeta"
check "Fedora without metadata" refuses \
	"$(without libbindings.rmeta 7.3.4-200.fc45.x86_64 "install kernel-devel-7.3.4-200.fc45.x86_64")"
kdir 7.3.4-1.x86_64 rocky "rhel centos fedora"
compiler "$rustup"
check "a relative of Fedora, another compiler" refuses \
	"$(another "install rust as it was when the kernel was built")"

## What a tree says of itself

kdir 7.3.4
sed -i 's/1\.85\.1/1.80.0/' "$dir/include/config/auto.conf"
check "the metadata goes before the configuration" passes
metadata "no compiler"
printf 'rust\0\0\0\012\001\002\003' >"$dir/rust/libcore.rmeta"
check "metadata of another format: the configuration" refuses \
	"was made with \"rustc 1.80.0 (4eb161250 2025-03-15) (built from a source tarball)\", and $work/rustc here is \"$debian\", which cannot read the crates' metadata: use the compiler that the kernel was built with: make RUSTC=/path"

kdir 7.3.4
rm "$dir/Module.symvers"
check "no Module.symvers" refuses "has no Module.symvers: take the one of the image's header package"
echo "# CONFIG_RUST is not set" >"$dir/include/config/auto.conf"
check "no CONFIG_RUST" refuses "kernel 7.3.4 is without CONFIG_RUST"
rm "$dir/include/config/kernel.release"
check "not prepared" refuses "is not prepared: it has no include/config/kernel.release (make modules_prepare)"
rm "$dir/include/config/auto.conf"
check "not configured" refuses "is not configured: it has no include/config/auto.conf (make modules_prepare)"
rm "$dir/Makefile"
check "no tree" refuses "is no kernel tree: it has no Makefile"
rm -r "$dir"
check "no directory" refuses "is no directory"

## Series

words="7.3 from 7.3.2 on, 7.2 from 7.2.12 on"
for release in 7.2.12 7.2.13+deb14-amd64 7.2.100-rt 7.3.2 7.3.10-1-generic; do
	kdir "$release"
	check "$release is supported" passes
done
for release in 6.12.48+deb13-amd64 7.1.13 7.2.11 7.20.12 7.3-amd64 7.3.0-rc7 7.3.1 7.4.0-rc1 7.30.2; do
	kdir "$release"
	check "$release is not" refuses \
		"kernel $release is not supported: supported is $words. KERNEL_UNTESTED=1 tries it"
	untested=1
	check "$release is tried" warns \
		"kernel $release was never tried: supported is $words. What its API lacks or adds belongs into sys/compat.rs"
	untested=
done

## Images

offered="6.12.48+deb13-amd64 7.1.13+deb13-amd64 7.1.13+deb13-cloud-amd64 7.2.11+deb13-amd64 7.2.12+deb13-amd64
	7.2.12+deb13-rt-amd64 7.2.13+deb13-cloud-amd64 7.3-amd64 7.3.1+deb13-rt-amd64 7.3.10+deb13-amd64 7.3.4+deb13-amd64
	7.4-amd64 7.20.1+deb13-amd64"

# chooses RELEASE SELECTION [untested]
chooses() {
	wanted=$1
	shift
	status=0
	echo "$offered" | tr -s ' \t' '\n' | "$tree/scripts/inside/kernel" choose "$@" >"$work/output" 2>&1 || status=$?
	[ "$(cat "$work/output")" = "$wanted" ]
}

check "amd64: the newest supported one" chooses 7.3.10+deb13-amd64 amd64
check "cloud" chooses 7.2.13+deb13-cloud-amd64 cloud
check "rt" chooses 7.2.12+deb13-rt-amd64 rt
check "a series" chooses 7.2.12+deb13-amd64 7.2
check "a series and a flavour" chooses 7.2.13+deb13-cloud-amd64 7.2-cloud
check "a series and amd64" chooses 7.3.10+deb13-amd64 7.3-amd64
check "a version" chooses 7.3.4+deb13-amd64 7.3.4
check "a release" chooses 7.2.12+deb13-rt-amd64 7.2.12+deb13-rt-amd64
check "a release that is not offered" chooses "" 7.2.14+deb13-amd64
check "a release that is not supported" chooses "" 7.2.11+deb13-amd64
check "a version that begins alike" chooses "" 7.3.1
check "a series that is not supported" chooses "" 7.1
check "no such flavour" chooses "" 7.3-debug
check "untested: amd64" chooses 7.20.1+deb13-amd64 amd64 untested
check "untested: a series" chooses 7.1.13+deb13-amd64 7.1 untested
check "untested: a candidate" chooses 7.4-amd64 7.4 untested
check "untested: a candidate's release" chooses 7.4-amd64 7.4-amd64 untested
check "untested: a release" chooses 7.2.11+deb13-amd64 7.2.11+deb13-amd64 untested

finish
