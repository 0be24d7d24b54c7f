# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
# Sourced by the scripts: where things are, how to speak, how to become root
# of a private mount namespace.

# The suite that the root is made of.
SUITE=trixie

TREE=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
CACHE=${RMPOPT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rmpopt}
KERNEL=${KERNEL:-amd64}

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# What is made of the same recipe is the same: the key names it.
key() {
	cat -- "$@" | sha256sum | cut -c1-12
}

paths() {
	ROOT_KEY=$(key "$TREE/scripts/packages" "$TREE/scripts/root" \
		"$TREE/scripts/inside/install")
	KERNEL_KEY=$(key "$TREE/scripts/inside/kernel" \
		"$TREE/scripts/inside/check-symbols")
	ROOT=$CACHE/root-$ROOT_KEY
	KERNEL_DIR=$CACHE/kernel-$ROOT_KEY-$KERNEL_KEY-$KERNEL
}

# Runs a command as root of its own mount and process namespace: nothing that
# it mounts is seen outside, and all its processes end with it.
namespace() {
	if [ "$(id -u)" = 0 ]; then
		unshare --mount --propagation private --pid --fork --kill-child \
			-- "$@"
	else
		unshare --user --map-root-user --map-auto \
			--mount --propagation private --pid --fork --kill-child \
			-- "$@"
	fi
}

namespace_check() {
	command -v unshare >/dev/null || die "unshare (package util-linux) is missing"
	namespace true 2>/dev/null && return
	if [ "$(id -u)" = 0 ]; then
		die "root may not make a mount namespace here (in a container? it needs CAP_SYS_ADMIN)"
	fi
	die "needs root, or user namespaces with a range of ids for $(id -un)" \
		"(packages util-linux >= 2.38 and uidmap, an entry in /etc/subuid and /etc/subgid)"
}

# Removes a tree of the cache, and nothing that is mounted in it.
remove_tree() {
	[ -e "$1" ] || return 0
	if grep -qF " $1/" /proc/self/mountinfo; then
		die "$1 is not removed: something is mounted below it"
	fi
	namespace rm -rf --one-file-system -- "$1"
}
